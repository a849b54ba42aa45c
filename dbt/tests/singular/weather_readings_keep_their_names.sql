-- A path that a document does not have is NULL and no error. A source that renames or moves a reading would
-- so turn all of its values to NULL without a word: each source must have some of what stations always measure.
select
    source_name,
    count(*) as observations,
    count(temperature_f) as temperatures,
    count(dew_point_f) as dew_points,
    count(humidity_percent) as humidities,
    count(wind_speed_mph) as wind_speeds,
    count(precipitation_in) as precipitations,
    count(visibility_miles) as visibilities
from {{ ref("int_weather_unioned") }}
group by source_name
having
    least(
        count(temperature_f),
        count(dew_point_f),
        count(humidity_percent),
        count(wind_speed_mph),
        count(precipitation_in),
        count(visibility_miles)
    ) = 0
