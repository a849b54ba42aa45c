{#- A table: the deduplication is the dearest step, and the fact, the airports and the tests all read it. -#}
{{ config(materialized="table") }}

with flights as (
    select 'operations' as source_name, * from {{ ref("stg_operations__flights") }}
    union all
    select 'archive' as source_name, * from {{ ref("stg_archive__flights") }}
)

select
    to_char(flight_date, 'YYYY-MM-DD') || '-' || carrier_code || '-' || to_char(flight_number) || '-' || origin_code
        as flight_id,
    flight_date,
    carrier_code,
    flight_number,
    tail_number,
    origin_code,
    destination_code,
    scheduled_departure_at,
    scheduled_departure_hhmm,
    departure_hhmm,
    departure_delay_minutes,
    arrival_delay_minutes,
    air_time_minutes,
    distance_miles,
    updated_at,
    source_name,
    load_id,
    loaded_at
from flights
-- A flight that both sources hold is the live system's; within one source the newest row holds.
qualify row_number() over (
    partition by flight_date, carrier_code, flight_number, origin_code
    order by
        iff(source_name = 'operations', 0, 1),
        updated_at desc nulls last,
        loaded_at desc,
        load_id desc
) = 1
