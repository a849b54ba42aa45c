-- The monthly figures must add up to the flights that left and to the daily seats. A flight that met two
-- versions of its aircraft would count twice.
with totals as (
    select
        sum(flights) as flights,
        sum(flown) as flown,
        sum(flown_with_known_seats) + sum(flown_with_unknown_seats) as known_and_unknown,
        sum(seats_flown) as seats_flown
    from {{ ref("kpi_seats_flown") }}
),

expected as (
    select count(*) as flights, count_if(not is_cancelled) as flown
    from {{ ref("fct_flights") }}
),

daily as (
    select sum(seats_flown) as seats_flown
    from {{ ref("kpi_punctuality_daily") }}
)

select totals.flights, totals.flown, totals.known_and_unknown, totals.seats_flown
from totals
cross join expected
cross join daily
where
    totals.flights != expected.flights
    or totals.flown != expected.flown
    or totals.known_and_unknown != expected.flown
    or totals.seats_flown != daily.seats_flown
