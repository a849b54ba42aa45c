select
    flight_id,
    flight_date,
    carrier_code,
    flight_number,
    tail_number,
    origin_code,
    destination_code,
    scheduled_departure_at,
    hour({{ new_york_time("scheduled_departure_at") }}) as departure_hour_new_york,
    departure_delay_minutes,
    arrival_delay_minutes,
    air_time_minutes,
    distance_miles,
    departure_hhmm is null as is_cancelled,
    -- NULL without an arrival delay: neither on time nor late.
    arrival_delay_minutes < {{ var("on_time_minutes") }} as is_on_time,
    load_id,
    loaded_at
from {{ ref("int_flights_unioned") }}
