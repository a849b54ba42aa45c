select
    cast(tail_number as varchar) as tail_number,
    cast(aircraft_type as varchar) as aircraft_type,
    cast(manufacturer as varchar) as manufacturer,
    cast(manufacturer_name as varchar) as manufacturer_name,
    cast(model as varchar) as model,
    cast(year_built as number(38, 0)) as year_built,
    cast(engine_count as number(38, 0)) as engine_count,
    cast(engine_type as varchar) as engine_type,
    cast(seats as number(38, 0)) as seats,
    cast(cruising_speed_mph as number(38, 0)) as cruising_speed_mph,
    cast(valid_from as timestamp_ntz) as valid_from,
    cast(valid_to as timestamp_ntz) as valid_to
from {{ ref("int_aircraft_completed") }}
