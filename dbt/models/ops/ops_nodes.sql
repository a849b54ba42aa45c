{{
    config(
        materialized="incremental",
        incremental_strategy="merge",
        unique_key=["dag_id", "run_id", "task_id", "map_index", "try_number"],
        on_schema_change="fail",
        contract={"enforced": true},
    )
}}

select
    cast(nodes.dag_id as varchar) as dag_id,
    cast(nodes.run_id as varchar) as run_id,
    cast(nodes.run_type as varchar) as run_type,
    cast(nodes.task_id as varchar) as task_id,
    cast(nodes.map_index as number(38, 0)) as map_index,
    cast(nodes.try_number as number(38, 0)) as try_number,
    cast(nodes.unique_id as varchar) as unique_id,
    cast(nodes.name as varchar) as node_name,
    cast(nodes.resource_type as varchar) as resource_type,
    cast(nodes.status as varchar) as status,
    cast(nodes.message as varchar) as message,
    cast(nodes.failures as number(38, 0)) as failing_rows,
    cast(nodes.row_count as number(38, 0)) as rows_written,
    cast(nodes.bytes as number(38, 0)) as table_bytes,
    cast(nodes.started_at as timestamp_ntz) as started_at,
    cast(nodes.ended_at as timestamp_ntz) as ended_at,
    cast(datediff('millisecond', nodes.started_at, nodes.compiled_at) / 1000 as float) as compile_seconds,
    cast(datediff('millisecond', nodes.compiled_at, nodes.ended_at) / 1000 as float) as execute_seconds,
    cast(nodes.seconds as float) as total_seconds,
    cast(nodes.query_id as varchar) as query_id,
    cast(nodes.invocation_id as varchar) as invocation_id,
    cast(nodes.thread as varchar) as thread_name,
    cast(nodes._load_id as varchar) as load_id,
    cast(nodes._loaded_at as timestamp_ntz) as loaded_at
from {{ source("dbt", "nodes") }} as nodes

{% if is_incremental() %}
-- A committed load never changes and every row it touches takes its load_id, so only what no row here names
-- is news, however late it was committed.
where not exists (select 1 from {{ this }} as held where held.load_id = nodes._load_id)
{% endif %}
