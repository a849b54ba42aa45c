select
    cast(carrier_code as varchar) as carrier_code,
    cast(airline_name as varchar) as airline_name
from {{ ref("int_airlines_completed") }}
