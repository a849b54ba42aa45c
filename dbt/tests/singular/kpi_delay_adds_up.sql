-- The monthly figures must add up to the flights; a half of them is no later than nine in ten.
with totals as (
    select
        sum(flights) as flights,
        sum(departed) as departed,
        sum(arrived) as arrived,
        sum(mean_departure_delay_minutes * departed) as departure_minutes,
        sum(mean_arrival_delay_minutes * arrived) as arrival_minutes
    from {{ ref("kpi_delay") }}
),

expected as (
    select
        count(*) as flights,
        count_if(not is_cancelled) as departed,
        count(arrival_delay_minutes) as arrived,
        sum(departure_delay_minutes) as departure_minutes,
        sum(arrival_delay_minutes) as arrival_minutes
    from {{ ref("fct_flights") }}
)

select 'totals' as fault, totals.flights, totals.departed, totals.arrived
from totals
cross join expected
where
    totals.flights != expected.flights
    or totals.departed != expected.departed
    or totals.arrived != expected.arrived
    -- Sums of means, so equal but for the last digits of a FLOAT.
    or abs(totals.departure_minutes - expected.departure_minutes) > 0.5
    or abs(totals.arrival_minutes - expected.arrival_minutes) > 0.5
union all
select 'row' as fault, flights, departed, arrived
from {{ ref("kpi_delay") }}
where
    median_departure_delay_minutes > p90_departure_delay_minutes
    or median_arrival_delay_minutes > p90_arrival_delay_minutes
    or (p90_departure_delay_minutes is null) != (departed = 0)
    or (p90_arrival_delay_minutes is null) != (arrived = 0)
