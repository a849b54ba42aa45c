{#-
  A unit test makes a temporary relation in its model's schema. `dbt test` creates no schemas, so on an empty
  database a unit test that runs before its model would not find one.
-#}
{% materialization unit, adapter="snowflake" %}
    {%- do adapter.create_schema(api.Relation.create(database=this.database, schema=this.schema)) -%}
    {{ return(dbt.materialization_unit_default()) }}
{% endmaterialization %}
