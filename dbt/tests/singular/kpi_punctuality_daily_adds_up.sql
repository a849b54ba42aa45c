-- The daily figures must add up to the flights, and within a row the parts must fit the whole: what
-- neither was cancelled nor arrived was diverted.
with totals as (
    select
        sum(flights) as flights,
        sum(cancelled) as cancelled,
        sum(arrived) as arrived,
        sum(on_time) as on_time
    from {{ ref("kpi_punctuality_daily") }}
),

expected as (
    select
        count(*) as flights,
        count_if(is_cancelled) as cancelled,
        count(arrival_delay_minutes) as arrived,
        count_if(is_on_time) as on_time
    from {{ ref("fct_flights") }}
)

select 'totals' as fault, totals.flights, totals.cancelled, totals.arrived, totals.on_time
from totals
cross join expected
where
    totals.flights != expected.flights
    or totals.cancelled != expected.cancelled
    or totals.arrived != expected.arrived
    or totals.on_time != expected.on_time
union all
select 'row' as fault, flights, cancelled, arrived, on_time
from {{ ref("kpi_punctuality_daily") }}
where cancelled + arrived > flights or on_time > arrived or (mean_arrival_delay_minutes is null) != (arrived = 0)
