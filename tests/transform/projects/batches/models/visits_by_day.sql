select id as visit_id, visitor, at as visited_at, answer
from {{ source('shop', 'visits') }}
