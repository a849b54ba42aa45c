select id, amount from {{ source('till', 'orders') }}
