select id::number as id, customer_id::number as customer_id, amount::number as amount from {{ source('shop', 'orders') }}
