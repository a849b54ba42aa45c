-- An incremental table drifts from its sources when a load is missed, a row is deleted, weather comes late or its logic is
-- changed without a full refresh. Every row on one side only is a failure; build with --full-refresh.
{% set columns %}
flight_id, flight_date, carrier_code, flight_number, tail_number, origin_code, destination_code,
scheduled_departure_at, departure_hour_new_york, departure_delay_minutes, arrival_delay_minutes,
air_time_minutes, distance_miles, is_cancelled, is_on_time, weather_id, load_id
{% endset %}
(
    select {{ columns }} from {{ ref("int_flights_matched") }}
    except
    select {{ columns }} from {{ ref("fct_flights") }}
)
union all
(
    select {{ columns }} from {{ ref("fct_flights") }}
    except
    select {{ columns }} from {{ ref("int_flights_matched") }}
)
