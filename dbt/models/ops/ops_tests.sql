select
    dag_id,
    run_id,
    task_id,
    try_number,
    unique_id,
    node_name as test_name,
    resource_type = 'unit_test' as is_unit_test,
    status,
    failing_rows,
    message,
    ended_at,
    total_seconds,
    query_id
from {{ ref("ops_nodes") }}
where resource_type in ('test', 'unit_test')
