select
    payload:origin::varchar as origin_code,
    cast(convert_timezone('UTC', payload:time_hour::timestamp_tz) as timestamp_ntz) as observed_at,
    date_from_parts(payload:year::int, payload:month::int, payload:day::int) as local_date,
    payload:hour::int as local_hour,
    payload:temp::float as temperature_f,
    payload:dewp::float as dew_point_f,
    payload:humid::float as humidity_percent,
    payload:wind_dir::int as wind_direction_degrees,
    payload:wind_speed::float as wind_speed_mph,
    payload:wind_gust::float as wind_gust_mph,
    payload:precip::float as precipitation_in,
    payload:pressure::float as pressure_mbar,
    payload:visib::float as visibility_miles,
    cast(null as timestamp_ntz) as updated_at,
    _load_id as load_id,
    _loaded_at as loaded_at
from {{ source("weather_jfk", "observations") }}
