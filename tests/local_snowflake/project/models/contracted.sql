{{ config(materialized='table', query_tag='contracted') }}
select id, max(name) as name, count(*) as events, sum(amount) as amount, current_timestamp() as built_at
from {{ ref('staged') }}
group by id
