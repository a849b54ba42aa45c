-- By UTC's hour: New York's is no key on the night on which the clocks are put back.
select
    flights.flight_id,
    flights.flight_date,
    flights.carrier_code,
    flights.flight_number,
    flights.tail_number,
    flights.origin_code,
    flights.destination_code,
    flights.scheduled_departure_at,
    flights.departure_hour_new_york,
    flights.departure_delay_minutes,
    flights.arrival_delay_minutes,
    flights.air_time_minutes,
    flights.distance_miles,
    flights.is_cancelled,
    flights.is_on_time,
    weather.weather_id,
    flights.load_id,
    flights.loaded_at
from {{ ref("int_flights_classified") }} as flights
left join {{ ref("int_weather_unioned") }} as weather
    on
        flights.origin_code = weather.origin_code
        and date_trunc('hour', flights.scheduled_departure_at) = weather.observed_at
