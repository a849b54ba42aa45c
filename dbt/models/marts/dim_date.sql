{%- set first = modules.datetime.date.fromisoformat(var("calendar_start")) -%}
{%- set last = modules.datetime.date.fromisoformat(var("calendar_end")) -%}
with days as (
    select cast(dateadd(day, row_number() over (order by seq4()) - 1, cast('{{ first }}' as date)) as date) as date_day
    from table(generator(rowcount => {{ (last - first).days + 1 }}))
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
