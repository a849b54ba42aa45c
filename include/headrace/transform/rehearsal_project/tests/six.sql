select id from {{ ref('three') }} where id is null
