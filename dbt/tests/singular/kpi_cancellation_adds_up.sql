-- The monthly figures must add up to the daily ones of kpi_punctuality_daily, month by month.
with monthly as (
    select flight_month, sum(flights) as flights, sum(cancelled) as cancelled
    from {{ ref("kpi_cancellation") }}
    group by flight_month
),

daily as (
    select date_trunc('month', flight_date) as flight_month, sum(flights) as flights, sum(cancelled) as cancelled
    from {{ ref("kpi_punctuality_daily") }}
    group by date_trunc('month', flight_date)
)

select
    coalesce(monthly.flight_month, daily.flight_month) as flight_month,
    monthly.flights,
    daily.flights as flights_of_days,
    monthly.cancelled,
    daily.cancelled as cancelled_of_days
from monthly
full outer join daily on monthly.flight_month = daily.flight_month
where
    monthly.flights is distinct from daily.flights
    or monthly.cancelled is distinct from daily.cancelled
