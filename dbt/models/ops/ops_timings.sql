select
    unique_id,
    max(node_name) as node_name,
    max(resource_type) as resource_type,
    count(*) as executions,
    avg(compile_seconds) as mean_compile_seconds,
    avg(execute_seconds) as mean_execute_seconds,
    avg(total_seconds) as mean_seconds,
    median(total_seconds) as median_seconds,
    max(total_seconds) as most_seconds,
    max(ended_at) as last_ended_at
from {{ ref("ops_nodes") }}
where total_seconds is not null
group by unique_id
