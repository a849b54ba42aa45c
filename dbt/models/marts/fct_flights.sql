{{
    config(
        materialized="incremental",
        incremental_strategy="merge",
        unique_key="flight_id",
        on_schema_change="fail",
    )
}}

select
    cast(flight_id as varchar) as flight_id,
    cast(flight_date as date) as flight_date,
    cast(carrier_code as varchar) as carrier_code,
    cast(flight_number as number(38, 0)) as flight_number,
    cast(tail_number as varchar) as tail_number,
    cast(origin_code as varchar) as origin_code,
    cast(destination_code as varchar) as destination_code,
    cast(scheduled_departure_at as timestamp_ntz) as scheduled_departure_at,
    cast(departure_hour_new_york as number(38, 0)) as departure_hour_new_york,
    cast(departure_delay_minutes as number(38, 0)) as departure_delay_minutes,
    cast(arrival_delay_minutes as number(38, 0)) as arrival_delay_minutes,
    cast(air_time_minutes as number(38, 0)) as air_time_minutes,
    cast(distance_miles as number(38, 0)) as distance_miles,
    cast(is_cancelled as boolean) as is_cancelled,
    cast(is_on_time as boolean) as is_on_time,
    cast(load_id as varchar) as load_id,
    cast(loaded_at as timestamp_ntz) as loaded_at
from {{ ref("int_flights_classified") }}

{% if is_incremental() %}
-- A committed load never changes and every row it touches takes its load_id, so the rows of loads that
-- this table has not taken in yet are exactly the new and the changed ones. A time with a lookback would
-- miss a long load that began before the newest row and was committed after the last run.
where load_id not in (select load_id from {{ this }})
{% endif %}
