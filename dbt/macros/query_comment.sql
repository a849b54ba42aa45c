{#- JSON for the end of each statement: which node sent it, in which run of dbt. -#}
{% macro query_comment(node) -%}
    {%- set comment = {"invocation_id": invocation_id} -%}
    {%- if node is not none -%}
        {%- do comment.update({"node_id": node.unique_id}) -%}
    {%- endif -%}
    {{ return(tojson(comment)) }}
{%- endmacro %}
