{# A query that does not end by itself while its model's switch is on, and ends with the total 0 once it is off. #}
{% macro endless() %}
with n as (select seq4() as v from table(generator(rowcount => 100000)))
select coalesce(sum(a.v * b.v + c.v), 0) as total
from n as a cross join n as b cross join n as c
where exists (select 1 from {{ source('till', 'switches') }} where name = '{{ this.name }}')
{% endmacro %}
