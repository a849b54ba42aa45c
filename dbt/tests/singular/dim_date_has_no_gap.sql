-- One row for each day of the calendar.
select
    count(*) as days,
    min(date_day) as first_day,
    max(date_day) as last_day
from {{ ref("dim_date") }}
having
    count(*) != datediff(day, cast('{{ var("calendar_start") }}' as date), cast('{{ var("calendar_end") }}' as date)) + 1
    or min(date_day) != cast('{{ var("calendar_start") }}' as date)
    or max(date_day) != cast('{{ var("calendar_end") }}' as date)
