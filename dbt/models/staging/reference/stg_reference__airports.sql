-- A value that is no number fails the model: a CSV that changed its shape must not become NULLs.
select
    faa as airport_code,
    nullif(name, 'NA') as airport_name,
    cast(nullif(lat, 'NA') as float) as latitude,
    cast(nullif(lon, 'NA') as float) as longitude,
    cast(nullif(alt, 'NA') as number(38, 0)) as altitude_feet,
    cast(nullif(tz, 'NA') as number(38, 0)) as utc_offset_hours,
    nullif(dst, 'NA') as daylight_saving_rule,
    nullif(tzone, 'NA') as time_zone,
    _load_id as load_id,
    _loaded_at as loaded_at
from {{ source("reference", "airports") }}
