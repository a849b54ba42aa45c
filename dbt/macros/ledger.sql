{#- The ledger's table of committed loads, beside the RAW table that is given. -#}
{% macro ledger_loads(relation) -%}
    {{ return(api.Relation.create(database=relation.database, schema="HEADRACE", identifier="LOADS")) }}
{%- endmacro %}


{#-
  When the last load of a source table was committed, as UTC. A load that found nothing new is
  committed too, so a quiet source stays fresh; the newest row's time would not tell.
-#}
{% macro last_commit(relation, source_name, table_name) -%}
select max(committed_at)
from {{ ledger_loads(relation) }}
where source = '{{ source_name }}' and table_name = '{{ table_name }}'
{%- endmacro %}
