select
    cast(date_trunc('month', flight_date) as date) as flight_month,
    cast(carrier_code as varchar) as carrier_code,
    cast(origin_code as varchar) as origin_code,
    cast(count(*) as number(38, 0)) as flights,
    cast(count_if(is_cancelled) as number(38, 0)) as cancelled,
    cast(cast(count_if(is_cancelled) as float) / count(*) as float) as cancelled_share
from {{ ref("fct_flights") }}
group by date_trunc('month', flight_date), carrier_code, origin_code
