with recursive days as (
    select cast('{{ var("calendar_start") }}' as date) as date_day
    union all
    select cast(dateadd(day, 1, date_day) as date) as date_day
    from days
    where date_day < cast('{{ var("calendar_end") }}' as date)
)

select
    cast(days.date_day as date) as date_day,
    cast(year(days.date_day) as number(38, 0)) as calendar_year,
    cast(month(days.date_day) as number(38, 0)) as calendar_month,
    cast(dayofweekiso(days.date_day) as number(38, 0)) as iso_day_of_week,
    cast(dayofweekiso(days.date_day) >= 6 as boolean) as is_weekend,
    cast(holidays.holiday_name as varchar) as holiday_name
from days
left join {{ ref("federal_holidays") }} as holidays on days.date_day = holidays.date_day
