-- The snapshot's first version begins on the day it first ran, later than every flight. What it first
-- saw is the best knowledge of the time before, so the first version is dated back.
select
    airport_code,
    airport_name,
    latitude,
    longitude,
    altitude_feet,
    utc_offset_hours,
    daylight_saving_rule,
    time_zone,
    iff(
        row_number() over (partition by airport_code order by dbt_valid_from) = 1,
        cast('1900-01-01 00:00:00' as timestamp_ntz),
        cast(dbt_valid_from as timestamp_ntz)
    ) as valid_from,
    cast(dbt_valid_to as timestamp_ntz) as valid_to
from {{ ref("snap_reference__airports") }}
