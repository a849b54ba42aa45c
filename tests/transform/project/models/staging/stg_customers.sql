select id::number as id, country::varchar as country, _loaded_at from {{ source('shop', 'customers') }}
