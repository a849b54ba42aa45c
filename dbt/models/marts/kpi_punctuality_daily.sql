select
    cast(flight_date as date) as flight_date,
    cast(carrier_code as varchar) as carrier_code,
    cast(origin_code as varchar) as origin_code,
    cast(count(*) as number(38, 0)) as flights,
    cast(count_if(is_cancelled) as number(38, 0)) as cancelled,
    cast(count(arrival_delay_minutes) as number(38, 0)) as arrived,
    cast(count_if(is_on_time) as number(38, 0)) as on_time,
    -- avg() of a NUMBER keeps six decimals; of a FLOAT it keeps all.
    cast(avg(cast(arrival_delay_minutes as float)) as float) as mean_arrival_delay_minutes
from {{ ref("fct_flights") }}
group by flight_date, carrier_code, origin_code
