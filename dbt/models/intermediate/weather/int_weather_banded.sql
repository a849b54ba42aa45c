with readings as (
    {%- for measure, reading in [
        ("visibility", "visibility_miles"), ("wind", "wind_speed_mph"), ("precipitation", "precipitation_in")
    ] %}
    select weather_id, '{{ measure }}' as measure, {{ reading }} as reading
    from {{ ref("int_weather_unioned") }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    readings.weather_id,
    readings.measure,
    coalesce(bands.band_order, 8) as band_order,
    coalesce(bands.band, 'not known') as band
from readings
left join {{ ref("weather_bands") }} as bands
    on
        readings.measure = bands.measure
        and readings.reading >= bands.at_least
        and (bands.below is null or readings.reading < bands.below)
