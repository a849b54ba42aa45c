select
    code as carrier_code,
    payload:name::varchar as airline_name,
    _load_id as load_id,
    _loaded_at as loaded_at
from {{ source("carriers", "airlines") }}
