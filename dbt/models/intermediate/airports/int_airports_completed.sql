with known as (
    select * from {{ ref("int_airports_versioned") }}
    where valid_to is null
),

flown as (
    select origin_code as airport_code from {{ ref("int_flights_unioned") }}
    union
    select destination_code as airport_code from {{ ref("int_flights_unioned") }}
)

select
    coalesce(known.airport_code, flown.airport_code) as airport_code,
    known.airport_name,
    known.latitude,
    known.longitude,
    known.altitude_feet,
    known.utc_offset_hours,
    known.daylight_saving_rule,
    known.time_zone,
    known.airport_code is null as is_inferred
from known
full outer join flown on known.airport_code = flown.airport_code
