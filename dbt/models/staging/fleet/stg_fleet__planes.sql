select
    tailnum as tail_number,
    year as year_built,
    type as aircraft_type,
    manufacturer,
    model,
    engines as engine_count,
    seats,
    speed as cruising_speed_mph,
    engine as engine_type,
    _load_id as load_id,
    _loaded_at as loaded_at
from {{ source("fleet", "planes") }}
