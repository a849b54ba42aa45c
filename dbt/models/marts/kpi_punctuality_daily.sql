select
    cast(flights.flight_date as date) as flight_date,
    cast(flights.carrier_code as varchar) as carrier_code,
    cast(flights.origin_code as varchar) as origin_code,
    cast(count(*) as number(38, 0)) as flights,
    cast(count_if(flights.is_cancelled) as number(38, 0)) as cancelled,
    cast(count(flights.arrival_delay_minutes) as number(38, 0)) as arrived,
    cast(count_if(flights.is_on_time) as number(38, 0)) as on_time,
    -- avg() of a NUMBER keeps six decimals; of a FLOAT it keeps all.
    cast(avg(cast(flights.arrival_delay_minutes as float)) as float) as mean_arrival_delay_minutes,
    cast(coalesce(sum(iff(flights.is_cancelled, null, aircraft.seats)), 0) as number(38, 0)) as seats_flown
from {{ ref("fct_flights") }} as flights
left join {{ ref("dim_aircraft") }} as aircraft
    on
        flights.tail_number = aircraft.tail_number
        and {{ is_valid_at("aircraft", "flights.scheduled_departure_at") }}
group by flights.flight_date, flights.carrier_code, flights.origin_code
