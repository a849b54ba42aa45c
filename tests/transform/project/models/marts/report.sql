select c.country, sum(o.amount)::number as amount
from {{ ref('fct_orders') }} as o join {{ ref('dim_customers') }} as c on o.customer_id = c.id
group by c.country
