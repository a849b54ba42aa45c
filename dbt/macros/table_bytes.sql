{#-
  Puts the size of a table that was built into its result, where the page of its task finds it: dbt-snowflake's
  own response has none. SHOW needs no warehouse. Where more than one node ran, as in a `dbt build` of the whole
  project, nothing is sent: it would be a statement a table, one after another.
-#}
{% macro add_table_bytes(results) -%}
    {%- if execute and results | length == 1 -%}
        {%- for result in results
            if result.status == "success"
            and result.node.resource_type in ("model", "seed", "snapshot")
            and result.node.config.materialized != "view"
        -%}
            {%- set node = result.node -%}
            {%- set schema = api.Relation.create(database=node.database, schema=node.schema) -%}
            {%- for row in run_query("show tables like '" ~ node.alias ~ "' in schema " ~ schema).rows
                if row["name"] | upper == node.alias | upper and row["bytes"] is not none
            -%}
                {%- do result.adapter_response.update({"bytes": row["bytes"] | int}) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
