{% snapshot history %}
{{ config(schema='SNAPSHOTS', unique_key='id', strategy='check', check_cols=['name'], hard_deletes='invalidate') }}
select id, name from {{ ref('contracted') }}
{% endsnapshot %}
