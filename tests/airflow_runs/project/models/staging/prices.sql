select max(amount) as highest from {{ source('till', 'orders') }}
