{#- Fails for each group of rows that share the columns, and for each in which one of them is NULL. -#}
{% test unique_combination(model, columns) %}
select {{ columns | join(", ") }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1{% for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}
