"""INFORMATION_SCHEMA and DESCRIBE: Snowflake's view of DuckDB's columns and tables."""

from __future__ import annotations

_NUMBERS = "('TINYINT','SMALLINT','INTEGER','BIGINT','HUGEINT','UTINYINT','USMALLINT','UINTEGER','UBIGINT')"

COLUMNS = f"""
create or replace view _fs_global._fs_information_schema._fs_columns as
select
    c.database_name as TABLE_CATALOG,
    c.schema_name as TABLE_SCHEMA,
    c.table_name as TABLE_NAME,
    c.column_name as COLUMN_NAME,
    c.column_index as ORDINAL_POSITION,
    c.column_default as COLUMN_DEFAULT,
    case when c.is_nullable then 'YES' else 'NO' end as IS_NULLABLE,
    case when starts_with(c.data_type, 'DECIMAL') or c.data_type in {_NUMBERS} then 'NUMBER'
         when c.data_type = 'VARCHAR' then 'TEXT'
         when c.data_type in ('DOUBLE', 'FLOAT') then 'FLOAT'
         when c.data_type = 'BLOB' then 'BINARY'
         when c.data_type = 'TIMESTAMP' then 'TIMESTAMP_NTZ'
         when c.data_type = 'TIMESTAMP WITH TIME ZONE' then coalesce(e.ext_zoned, 'TIMESTAMP_TZ')
         when c.data_type = 'JSON' then 'VARIANT'
         else c.data_type end as DATA_TYPE,
    case when c.data_type = 'VARCHAR' then coalesce(e.ext_character_maximum_length, 16777216) end
        as CHARACTER_MAXIMUM_LENGTH,
    case when c.data_type = 'VARCHAR' then coalesce(e.ext_character_octet_length, 16777216) end
        as CHARACTER_OCTET_LENGTH,
    case when c.data_type in {_NUMBERS} then 38
         when starts_with(c.data_type, 'DECIMAL') then c.numeric_precision end as NUMERIC_PRECISION,
    case when c.data_type in {_NUMBERS} or starts_with(c.data_type, 'DECIMAL') then 10 end as
    NUMERIC_PRECISION_RADIX,
    case when c.data_type in {_NUMBERS} then 0
         when starts_with(c.data_type, 'DECIMAL') then c.numeric_scale end as NUMERIC_SCALE,
    case when c.data_type like 'TIME%' then 9 end as DATETIME_PRECISION,
    null::varchar as COLLATION_NAME,
    'NO' as IS_IDENTITY,
    null::varchar as IDENTITY_GENERATION,
    null::varchar as IDENTITY_START,
    null::varchar as IDENTITY_INCREMENT,
    null::varchar as IDENTITY_CYCLE,
    null::varchar as IDENTITY_ORDERED,
    c.comment as COMMENT,
    null::varchar as DATA_TYPE_ALIAS
from duckdb_columns() c
left join _fs_global._fs_information_schema._fs_columns_ext e
  on e.ext_table_catalog = c.database_name and e.ext_table_schema = c.schema_name
 and e.ext_table_name = c.table_name and e.ext_column_name = c.column_name
where not c.internal and c.schema_name not in ('main', '_fs_information_schema')
"""


def global_statements() -> list[str]:
    """Statements that create our catalogue tables and views in the global database."""
    return [
        "alter table _fs_global._fs_information_schema._fs_columns_ext add column if not exists "
        "ext_zoned varchar",
        "alter table _fs_global._fs_information_schema._fs_columns_ext add column if not exists "
        "ext_key varchar",
        "alter table _fs_global._fs_information_schema._fs_tables_ext add column if not exists "
        "ext_transient varchar",
        "alter table _fs_global._fs_information_schema._fs_tables_ext add column if not exists "
        "ext_created timestamptz",
        COLUMNS,
    ]


def database_statements(database: str) -> list[str]:
    """Statements that create a database's INFORMATION_SCHEMA views and load history, safe to run again."""
    name = f'"{database}"._fs_information_schema'
    return [
        f"create table if not exists {name}._hr_load_files (schema_name varchar, table_name varchar, "
        "file_name varchar, md5 varchar)",
        f"create or replace view {name}._fs_columns as "
        f"select * from _fs_global._fs_information_schema._fs_columns where table_catalog = '{database}'",
        f"""
        create or replace view {name}._fs_tables as
        with relations as (
            select database_name, schema_name, table_name as name, 'BASE TABLE' as kind, estimated_size as
            row_count
            from duckdb_tables() where not internal and not temporary
            union all
            select database_name, schema_name, view_name, 'VIEW', null from duckdb_views() where not internal
        )
        select
            r.database_name as TABLE_CATALOG,
            r.schema_name as TABLE_SCHEMA,
            r.name as TABLE_NAME,
            'SYSADMIN' as TABLE_OWNER,
            r.kind as TABLE_TYPE,
            coalesce(e.ext_transient, 'NO') as IS_TRANSIENT,
            null::varchar as CLUSTERING_KEY,
            r.row_count as ROW_COUNT,
            null::bigint as BYTES,
            1 as RETENTION_TIME,
            e.ext_created as CREATED,
            e.ext_created as LAST_ALTERED,
            e.ext_created as LAST_DDL,
            'NO' as AUTO_CLUSTERING_ON,
            e.comment as COMMENT,
            'NO' as IS_TEMPORARY,
            'NO' as IS_ICEBERG,
            'NO' as IS_DYNAMIC,
            'NO' as IS_IMMUTABLE,
            'NO' as IS_HYBRID
        from relations r
        left join _fs_global._fs_information_schema._fs_tables_ext e
          on e.ext_table_catalog = r.database_name and e.ext_table_schema = r.schema_name and
          e.ext_table_name = r.name
        where r.database_name = '{database}' and r.schema_name not in ('main', '_fs_information_schema')
        """,
    ]
