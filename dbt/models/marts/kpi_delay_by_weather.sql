with measures as (
    select distinct measure from {{ ref("weather_bands") }}
),

flights as (
    select
        measures.measure,
        coalesce(banded.band_order, 9) as band_order,
        coalesce(banded.band, 'no observation') as band,
        flights.is_cancelled,
        flights.is_on_time,
        cast(flights.departure_delay_minutes as float) as departure_delay_minutes,
        cast(flights.arrival_delay_minutes as float) as arrival_delay_minutes
    from {{ ref("fct_flights") }} as flights
    cross join measures
    left join {{ ref("int_weather_banded") }} as banded
        on flights.weather_id = banded.weather_id and measures.measure = banded.measure
)

select
    cast(measure as varchar) as measure,
    cast(band_order as number(38, 0)) as band_order,
    cast(band as varchar) as band,
    cast(count(*) as number(38, 0)) as flights,
    cast(count_if(is_cancelled) as number(38, 0)) as cancelled,
    cast(cast(count_if(is_cancelled) as float) / count(*) as float) as cancelled_share,
    cast(count(departure_delay_minutes) as number(38, 0)) as departed,
    cast(avg(departure_delay_minutes) as float) as mean_departure_delay_minutes,
    cast(count(arrival_delay_minutes) as number(38, 0)) as arrived,
    cast(count_if(not is_on_time) as number(38, 0)) as late,
    cast(cast(count_if(not is_on_time) as float) / nullif(count(arrival_delay_minutes), 0) as float) as late_share,
    cast(avg(arrival_delay_minutes) as float) as mean_arrival_delay_minutes
from flights
group by measure, band_order, band
