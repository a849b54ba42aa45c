select distinct visitor from {{ ref('visits_by_day') }}
