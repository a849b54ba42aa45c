{#-
  A unit test makes a temporary relation in its model's schema. `dbt test` creates no schemas, so on
  an empty database a unit test that runs before its model would not find one. Sends nothing when no
  unit test is selected.
-#}
{% macro create_schemas_of_unit_tests() -%}
    {%- if execute -%}
        {%- set schemas = [] -%}
        {%- for unique_id in selected_resources if unique_id.startswith("unit_test.") -%}
            {%- set model_id = "model." ~ project_name ~ "." ~ unique_id.split(".")[2] -%}
            {%- set node = graph.nodes[model_id] -%}
            {%- set relation = api.Relation.create(database=node.database, schema=node.schema) -%}
            {%- if relation not in schemas -%}{%- do schemas.append(relation) -%}{%- endif -%}
        {%- endfor -%}
        {%- for relation in schemas -%}
            {%- do adapter.create_schema(relation) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
