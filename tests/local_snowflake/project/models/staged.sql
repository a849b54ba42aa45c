{{ config(materialized='view') }}
select id, name, amount, at from {{ source('raw', 'EVENTS') }}
