select * from {{ ref('contracted') }} where events < 1
