{{ config(materialized='incremental', unique_key='id') }}
select id, customer_id, amount from {{ ref('int_orders_paid') }}
{% if is_incremental() %}where id > (select coalesce(max(id), 0) from {{ this }}){% endif %}
