-- In each measure all flights are in one band each, those without an observation too.
with totals as (
    select
        measure,
        sum(flights) as flights,
        sum(cancelled) as cancelled,
        sum(arrived) as arrived,
        sum(late) as late,
        sum(iff(band = 'no observation', flights, 0)) as without_observation
    from {{ ref("kpi_delay_by_weather") }}
    group by measure
),

expected as (
    select
        count(*) as flights,
        count_if(is_cancelled) as cancelled,
        count(arrival_delay_minutes) as arrived,
        count_if(not is_on_time) as late,
        count_if(weather_id is null) as without_observation
    from {{ ref("fct_flights") }}
)

select totals.*
from totals
cross join expected
where
    totals.flights != expected.flights
    or totals.cancelled != expected.cancelled
    or totals.arrived != expected.arrived
    or totals.late != expected.late
    or totals.without_observation != expected.without_observation
