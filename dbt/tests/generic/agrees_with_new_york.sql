{#-
  Fails for each row whose instant in UTC, read on New York's clock, is not the date and the hhmm that
  the source gives beside it. column_name holds the instant.
-#}
{% test agrees_with_new_york(model, column_name, date_column, hhmm_column) %}
select {{ column_name }}, {{ date_column }}, {{ hhmm_column }}
from {{ model }}
where
    {{ column_name }} is null
    or cast({{ new_york_time(column_name) }} as date) != {{ date_column }}
    or hour({{ new_york_time(column_name) }}) * 100 + minute({{ new_york_time(column_name) }}) != {{ hhmm_column }}
{% endtest %}
