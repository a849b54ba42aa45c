{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns') }}
select id, name, at from {{ ref('staged') }}
{% if is_incremental() %} where at > (select max(at) from {{ this }}) {% endif %}
