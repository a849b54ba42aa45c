select id from {{ source('given', 'here') }}
