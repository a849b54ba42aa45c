-- A date of Extended JSON is an object with the key $date; in the relaxed form its value is ISO 8601 text (from
-- 1970 on).
select
    payload:station.code::varchar as origin_code,
    cast(convert_timezone('UTC', payload:observed_at."$date"::timestamp_tz) as timestamp_ntz) as observed_at,
    date_from_parts(
        payload:station.local.year::int, payload:station.local.month::int, payload:station.local.day::int
    ) as local_date,
    payload:station.local.hour::int as local_hour,
    payload:temperature.air_f::float as temperature_f,
    payload:temperature.dew_point_f::float as dew_point_f,
    payload:humidity_percent::float as humidity_percent,
    payload:wind.direction_degrees::int as wind_direction_degrees,
    payload:wind.speed_mph::float as wind_speed_mph,
    payload:wind.gust_mph::float as wind_gust_mph,
    payload:precipitation_in::float as precipitation_in,
    payload:pressure_mbar::float as pressure_mbar,
    payload:visibility_miles::float as visibility_miles,
    cast(convert_timezone('UTC', updated_at) as timestamp_ntz) as updated_at,
    _load_id as load_id,
    _loaded_at as loaded_at
from {{ source("weather_ewr", "observations") }}
