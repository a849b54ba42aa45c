{#-
  The columns of a RAW flights table under the project's names, one row out a row in.
  year, month, day and the hhmm columns are New York's clock; time_hour is an instant, so it is
  converted to UTC and the session's time zone plays no part.
-#}
{% macro rename_flights(relation, updated_at) -%}
select
    date_from_parts(cast(year as int), cast(month as int), cast(day as int)) as flight_date,
    carrier as carrier_code,
    flight as flight_number,
    tailnum as tail_number,
    origin as origin_code,
    dest as destination_code,
    dateadd(minute, cast(minute as int), cast(convert_timezone('UTC', time_hour) as timestamp_ntz)) as scheduled_departure_at,
    sched_dep_time as scheduled_departure_hhmm,
    dep_time as departure_hhmm,
    dep_delay as departure_delay_minutes,
    arr_delay as arrival_delay_minutes,
    air_time as air_time_minutes,
    distance as distance_miles,
    {{ updated_at }} as updated_at,
    _load_id as load_id,
    _loaded_at as loaded_at
from {{ relation }}
{%- endmacro %}


{#- The New York clock's reading at an instant given as UTC without a zone. -#}
{% macro new_york_time(utc_column) -%}
convert_timezone('UTC', 'America/New_York', {{ utc_column }})
{%- endmacro %}
