{% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or target.schema }}{% endmacro %}

{#- A minute or so of work that keeps nothing in memory and ends by itself. -#}
{% macro wait() %}
  {{ log("waiting", info=true) }}
  {%- for i in range(100000) %}{% for j in range(3000) %}{% set product = i * j %}{% endfor %}{% endfor -%}
{% endmacro %}
