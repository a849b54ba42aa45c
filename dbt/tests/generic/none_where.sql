{#-
  Fails for each row for which the condition holds. For a fault that the data is known to have, give
  warn_if with the count that is known: the test then warns when the count changes either way.
-#}
{% test none_where(model, condition) %}
select *
from {{ model }}
where {{ condition }}
{% endtest %}
