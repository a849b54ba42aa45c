with flown as (
    select distinct carrier_code from {{ ref("int_flights_unioned") }}
)

select
    coalesce(known.carrier_code, flown.carrier_code) as carrier_code,
    known.airline_name,
    known.carrier_code is null as is_inferred
from {{ ref("stg_carriers__airlines") }} as known
full outer join flown on known.carrier_code = flown.carrier_code
