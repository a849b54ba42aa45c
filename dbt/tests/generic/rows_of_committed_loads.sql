{#-
  Fails for each load that left rows in a RAW table and is not in the ledger of committed loads.
  The model is read in a CTE: with a `where` it comes as a subquery that has its own alias.
-#}
{% test rows_of_committed_loads(model, source_name, table_name) %}
{%- set relation = source(source_name, table_name) %}
with landed as (
    select _load_id, count(*) as row_count
    from {{ model }}
    group by _load_id
)

select landed._load_id, landed.row_count
from landed
left join {{ ledger_loads(relation) }} as loads
    on landed._load_id = loads.load_id and loads.source = '{{ source_name }}' and loads.table_name = '{{ table_name }}'
where loads.load_id is null
{% endtest %}
