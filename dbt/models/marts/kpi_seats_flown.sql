with flights as (
    select
        flights.flight_date,
        flights.carrier_code,
        flights.origin_code,
        flights.distance_miles,
        not flights.is_cancelled as is_flown,
        iff(flights.is_cancelled, null, aircraft.seats) as seats
    from {{ ref("fct_flights") }} as flights
    left join {{ ref("dim_aircraft") }} as aircraft
        on
            flights.tail_number = aircraft.tail_number
            and {{ is_valid_at("aircraft", "flights.scheduled_departure_at") }}
)

select
    cast(date_trunc('month', flight_date) as date) as flight_month,
    cast(carrier_code as varchar) as carrier_code,
    cast(origin_code as varchar) as origin_code,
    cast(count(*) as number(38, 0)) as flights,
    cast(count_if(is_flown) as number(38, 0)) as flown,
    cast(count(seats) as number(38, 0)) as flown_with_known_seats,
    cast(count_if(is_flown and seats is null) as number(38, 0)) as flown_with_unknown_seats,
    cast(coalesce(sum(seats), 0) as number(38, 0)) as seats_flown,
    cast(coalesce(sum(seats * distance_miles), 0) as number(38, 0)) as seat_miles
from flights
group by date_trunc('month', flight_date), carrier_code, origin_code
