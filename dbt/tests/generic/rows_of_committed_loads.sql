{#- Fails for each load that left rows in a RAW table and is not in the ledger of committed loads. -#}
{% test rows_of_committed_loads(model, source_name, table_name) %}
{%- set relation = source(source_name, table_name) %}
select landed._load_id, count(*) as row_count
from {{ model }} as landed
left join {{ ledger_loads(relation) }} as loads
    on landed._load_id = loads.load_id and loads.source = '{{ source_name }}' and loads.table_name = '{{ table_name }}'
where loads.load_id is null
group by landed._load_id
{% endtest %}
