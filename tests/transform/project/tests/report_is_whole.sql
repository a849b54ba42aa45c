select 1 as wrong where (select sum(amount) from {{ ref('report') }}) <> (select sum(amount) from {{ ref('fct_orders') }})
