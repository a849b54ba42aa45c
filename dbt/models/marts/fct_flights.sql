{{
    config(
        materialized="incremental",
        incremental_strategy="merge",
        unique_key="flight_id",
        on_schema_change="fail",
    )
}}

select
    cast(flights.flight_id as varchar) as flight_id,
    cast(flights.flight_date as date) as flight_date,
    cast(flights.carrier_code as varchar) as carrier_code,
    cast(flights.flight_number as number(38, 0)) as flight_number,
    cast(flights.tail_number as varchar) as tail_number,
    cast(flights.origin_code as varchar) as origin_code,
    cast(flights.destination_code as varchar) as destination_code,
    cast(flights.scheduled_departure_at as timestamp_ntz) as scheduled_departure_at,
    cast(flights.departure_hour_new_york as number(38, 0)) as departure_hour_new_york,
    cast(flights.departure_delay_minutes as number(38, 0)) as departure_delay_minutes,
    cast(flights.arrival_delay_minutes as number(38, 0)) as arrival_delay_minutes,
    cast(flights.air_time_minutes as number(38, 0)) as air_time_minutes,
    cast(flights.distance_miles as number(38, 0)) as distance_miles,
    cast(flights.is_cancelled as boolean) as is_cancelled,
    cast(flights.is_on_time as boolean) as is_on_time,
    cast(flights.weather_id as varchar) as weather_id,
    cast(flights.load_id as varchar) as load_id,
    cast(flights.loaded_at as timestamp_ntz) as loaded_at
from {{ ref("int_flights_matched") }} as flights

{% if is_incremental() %}
left join {{ this }} as held on flights.flight_id = held.flight_id
-- A committed load never changes and every row it touches takes its load_id, so a flight whose load is not
-- the one held here is new or has changed. A time with a lookback would miss a long load that began before
-- the newest row and was committed after the last run. Weather comes by loads of its own, often later than
-- the flight, and may be taken back: the flight is then the same and its observation is not.
where
    held.load_id is distinct from flights.load_id
    or held.weather_id is distinct from flights.weather_id
{% endif %}
