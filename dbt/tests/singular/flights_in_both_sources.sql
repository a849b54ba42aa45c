{{ config(group="flights", severity="warn") }}

-- The sources divide the year between them. A flight in both is kept once, from operations; this says
-- which ones are.
select operations.flight_date, operations.carrier_code, operations.flight_number, operations.origin_code
from {{ ref("stg_operations__flights") }} as operations
inner join {{ ref("stg_archive__flights") }} as archive
    on
        operations.flight_date = archive.flight_date
        and operations.carrier_code = archive.carrier_code
        and operations.flight_number = archive.flight_number
        and operations.origin_code = archive.origin_code
