select
    cast(weather_id as varchar) as weather_id,
    cast(origin_code as varchar) as origin_code,
    cast(observed_at as timestamp_ntz) as observed_at,
    cast(temperature_f as float) as temperature_f,
    cast(dew_point_f as float) as dew_point_f,
    cast(humidity_percent as float) as humidity_percent,
    cast(wind_direction_degrees as number(38, 0)) as wind_direction_degrees,
    cast(wind_speed_mph as float) as wind_speed_mph,
    cast(wind_gust_mph as float) as wind_gust_mph,
    cast(precipitation_in as float) as precipitation_in,
    cast(pressure_mbar as float) as pressure_mbar,
    cast(visibility_miles as float) as visibility_miles,
    cast(load_id as varchar) as load_id,
    cast(loaded_at as timestamp_ntz) as loaded_at
from {{ ref("int_weather_unioned") }}
