select orders, amount from {{ ref('totals') }}
