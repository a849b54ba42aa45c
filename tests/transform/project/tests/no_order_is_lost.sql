select id from {{ ref('int_orders_paid') }} where id not in (select id from {{ ref('fct_orders') }})
