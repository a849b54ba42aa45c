-- An aircraft that has left the register is known by its ended versions; one that only flights know is
-- inferred and has one version, for all time.
with flown as (
    select distinct tail_number from {{ ref("int_flights_unioned") }}
    where tail_number is not null
)

select
    coalesce(known.tail_number, flown.tail_number) as tail_number,
    known.aircraft_type,
    known.manufacturer,
    known.manufacturer_name,
    known.model,
    known.year_built,
    known.engine_count,
    known.engine_type,
    known.seats,
    known.cruising_speed_mph,
    coalesce(known.valid_from, cast('1900-01-01 00:00:00' as timestamp_ntz)) as valid_from,
    known.valid_to,
    known.tail_number is null as is_inferred
from {{ ref("int_aircraft_versioned") }} as known
full outer join flown on known.tail_number = flown.tail_number
