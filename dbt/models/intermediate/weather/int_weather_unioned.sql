{#- A table: the documents are taken apart once, and the fact, the flights and the tests all read it. -#}
{{ config(materialized="table") }}

with observations as (
    select 'weather_ewr' as source_name, * from {{ ref("stg_weather_ewr__observations") }}
    union all
    select 'weather_jfk' as source_name, * from {{ ref("stg_weather_jfk__observations") }}
    union all
    select 'weather_lga' as source_name, * from {{ ref("stg_weather_lga__observations") }}
)

select
    origin_code || '-' || to_char(observed_at, 'YYYY-MM-DD') || 'T' || to_char(observed_at, 'HH24') || 'Z' as weather_id,
    origin_code,
    observed_at,
    local_date,
    local_hour,
    temperature_f,
    dew_point_f,
    humidity_percent,
    wind_direction_degrees,
    wind_speed_mph,
    wind_gust_mph,
    precipitation_in,
    pressure_mbar,
    visibility_miles,
    updated_at,
    source_name,
    load_id,
    loaded_at
from observations
-- By the instant, not the local hour: 01:00 comes twice on the night on which the clocks are put back.
qualify row_number() over (
    partition by origin_code, observed_at
    order by updated_at desc nulls last, loaded_at desc, load_id desc
) = 1
