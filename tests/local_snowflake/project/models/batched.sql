{{ config(materialized='view', event_time='at') }}
select id, name, at from {{ ref('staged') }}
