{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge', on_schema_change='append_new_columns') }}
select id, name, at from {{ ref('staged') }}
{% if is_incremental() %} where at > (select max(at) from {{ this }}) {% endif %}
