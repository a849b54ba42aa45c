# The Astro Runtime of Airflow 3.3.2. Its default Python is 3.14, which dbt-core 1.11 does not run on yet.
# The image's own build triggers have installed packages.txt and requirements.txt and copied the project
# by the time the next line runs. The packages are what mysqlclient, the driver of Airflow's MySQL provider, is
# built with; their list takes no comments, since its reader may hand each word to apt.
FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.13

ENV HEADRACE_ENV=prod \
    PYTHONPATH=/usr/local/airflow${PYTHONPATH:+:$PYTHONPATH} \
    DO_NOT_TRACK=1 \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    SNOWFLAKE_DISABLE_MINICORE=1 \
    AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1 \
    AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH=65536

# What a DAG is drawn from is made here, so that parsing it needs neither dbt nor a connection.
RUN python -m include.headrace parse

# Where bytecode is not written at run time, every task would compile each import again. Some libraries carry
# files of another Python that do not compile; ours must.
USER root
RUN export PYTHONDONTWRITEBYTECODE= \
    && python -m compileall -q dags include plugins airflow_local_settings.py \
    && { python -m compileall -qq -j 0 "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" || true; }
USER astro
