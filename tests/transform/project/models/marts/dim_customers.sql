select id, country from {{ ref('stg_customers') }}
