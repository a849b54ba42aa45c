with

last_tries as (
    select *
    from {{ ref("ops_nodes") }}
    qualify
        row_number() over (
            partition by dag_id, run_id, task_id, map_index
            order by try_number desc
        ) = 1
),

runs as (
    select
        dag_id,
        run_id,
        max(run_type) as run_type,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        count(*) as nodes,
        count_if(resource_type in ('test', 'unit_test')) as tests,
        count_if(status in ('fail', 'error', 'runtime error', 'partial success')) as failed,
        count_if(status = 'warn') as warned,
        count_if(try_number > 1) as tried_again,
        sum(rows_written) as rows_written,
        sum(total_seconds) as busy_seconds
    from last_tries
    group by dag_id, run_id
)

select
    dag_id,
    run_id,
    run_type,
    case when failed > 0 then 'failed' when warned > 0 then 'warned' else 'passed' end as status,
    started_at,
    ended_at,
    datediff('millisecond', started_at, ended_at) / 1000 as elapsed_seconds,
    busy_seconds,
    nodes,
    tests,
    failed,
    warned,
    tried_again,
    rows_written
from runs
