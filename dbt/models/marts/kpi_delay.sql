select
    cast(date_trunc('month', flight_date) as date) as flight_month,
    cast(carrier_code as varchar) as carrier_code,
    cast(origin_code as varchar) as origin_code,
    cast(count(*) as number(38, 0)) as flights,
    {%- for end, counted in [("departure", "departed"), ("arrival", "arrived")] %}
    cast(count({{ end }}_delay_minutes) as number(38, 0)) as {{ counted }},
    -- Of a FLOAT: of a NUMBER the decimals are limited.
    cast(avg(cast({{ end }}_delay_minutes as float)) as float) as mean_{{ end }}_delay_minutes,
    {%- for name, share in [("median", 0.5), ("p90", 0.9)] %}
    cast(
        percentile_cont({{ share }}) within group (order by cast({{ end }}_delay_minutes as float)) as float
    ) as {{ name }}_{{ end }}_delay_minutes
    {%- if not (loop.last and end == "arrival") %},{% endif %}
    {%- endfor %}
    {%- endfor %}
from {{ ref("fct_flights") }}
group by date_trunc('month', flight_date), carrier_code, origin_code
