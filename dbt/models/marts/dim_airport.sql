select
    cast(airport_code as varchar) as airport_code,
    cast(airport_name as varchar) as airport_name,
    cast(latitude as float) as latitude,
    cast(longitude as float) as longitude,
    cast(altitude_feet as number(38, 0)) as altitude_feet,
    cast(utc_offset_hours as number(38, 0)) as utc_offset_hours,
    cast(daylight_saving_rule as varchar) as daylight_saving_rule,
    cast(time_zone as varchar) as time_zone
from {{ ref("int_airports_completed") }}
