select
    payload:station::varchar as origin_code,
    cast(convert_timezone('UTC', payload:"observedAt"::timestamp_tz) as timestamp_ntz) as observed_at,
    date_from_parts(payload:local.year::int, payload:local.month::int, payload:local.day::int) as local_date,
    payload:local.hour::int as local_hour,
    payload:readings."temperatureF"::float as temperature_f,
    payload:readings."dewPointF"::float as dew_point_f,
    payload:readings."humidityPercent"::float as humidity_percent,
    payload:readings."windDirectionDegrees"::int as wind_direction_degrees,
    payload:readings."windSpeedMph"::float as wind_speed_mph,
    payload:readings."windGustMph"::float as wind_gust_mph,
    payload:readings."precipitationIn"::float as precipitation_in,
    payload:readings."pressureMbar"::float as pressure_mbar,
    payload:readings."visibilityMiles"::float as visibility_miles,
    cast(convert_timezone('UTC', updatedat) as timestamp_ntz) as updated_at,
    _load_id as load_id,
    _loaded_at as loaded_at
from {{ source("weather_lga", "observations") }}
