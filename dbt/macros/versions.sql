{#- The condition that a version, a relation with valid_from and valid_to, holds at an instant. -#}
{% macro is_valid_at(version, instant) -%}
{{ version }}.valid_from <= {{ instant }} and ({{ version }}.valid_to is null or {{ instant }} < {{ version }}.valid_to)
{%- endmacro %}
