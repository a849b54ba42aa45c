{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='year',
          begin='2024-01-01') }}
select id, name, at from {{ ref('batched') }}
