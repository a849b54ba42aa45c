-- The snapshot's first version begins on the day it first ran, later than every flight. What it first
-- saw is the best knowledge of the time before, so the first version is dated back.
select
    planes.tail_number,
    planes.aircraft_type,
    planes.manufacturer,
    -- One name for one manufacturer; the register has several for some.
    coalesce(names.manufacturer_name, planes.manufacturer) as manufacturer_name,
    planes.model,
    planes.year_built,
    planes.engine_count,
    planes.engine_type,
    planes.seats,
    planes.cruising_speed_mph,
    iff(
        row_number() over (partition by planes.tail_number order by planes.dbt_valid_from) = 1,
        cast('1900-01-01 00:00:00' as timestamp_ntz),
        cast(planes.dbt_valid_from as timestamp_ntz)
    ) as valid_from,
    cast(planes.dbt_valid_to as timestamp_ntz) as valid_to
from {{ ref("snap_fleet__planes") }} as planes
left join {{ ref("aircraft_manufacturers") }} as names on planes.manufacturer = names.manufacturer
