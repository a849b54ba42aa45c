-- Each measure's bands begin at 0, each where the one before ends.
select measure, band, at_least, below
from {{ ref("weather_bands") }}
qualify
    at_least != coalesce(lag(below) over (partition by measure order by band_order), 0)
    or (below is null and lead(band) over (partition by measure order by band_order) is not null)
