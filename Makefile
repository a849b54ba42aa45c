# Every target sets up what it needs (nothing when that is done) and forwards to `python -m include.headrace`.
PYTHON := .venv/bin/python
HEADRACE := $(PYTHON) -m include.headrace

# The query as it was typed: quotes and $$1 must reach the program, so neither make nor a shell expands it.
override q := $(value q)
export q
format ?= table
# What runs the tasks of demo and up: local or celery.
executor ?= local
# Processes that run the tests, each with servers of its own.
workers ?= 2

# A make that runs this one must not find "Entering directory" in the result of a query.
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help setup demo up down run test lint sql lock pictures bench bench-transform faults

help:
	@echo "make demo                 set up, run everything to its end on real data, print a summary"
	@echo "make up                   everything running with the Airflow UI, until Ctrl-C"
	@echo "                          both take executor=celery: two workers and Redis run the tasks"
	@echo "make down                 stop what an earlier run left behind"
	@echo "make run dag=...          in what make up started, run a DAG to its end; select=... for a part of transform"
	@echo "make sql q=\"select ...\"   ask the local Snowflake; format=csv for CSV"
	@echo "make test [args=...]      every test, against real servers"
	@echo "make faults [args=...]    break loads everywhere, run them again, count what is lost and doubled"
	@echo "make bench [args=...]     side by side with other tools, half an hour; writes docs/benchmarks.md"
	@echo "make bench-transform      a task a node beside dbt build and Cosmos; writes docs/transform-speed.md"
	@echo "make lint                 style, types, the dbt project"
	@echo "make lock                 solve requirements.lock again"
	@echo "make pictures             take the README's pictures again, in a terminal and a browser"

setup:
	@sh bin/setup

demo up: setup
	@exec $(HEADRACE) $@ --executor '$(executor)'

down: setup
	@exec $(HEADRACE) down

test: setup
	@exec $(PYTHON) -m pytest --numprocesses $(workers) $(args)

faults: setup
	@exec $(PYTHON) -m tests.faults $(args)

bench-transform: setup
	@exec $(PYTHON) -m bench.transform $(args)

bench: setup
	@exec $(PYTHON) -m bench $(args)

lint: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(HEADRACE) parse --strict

run: setup
	@exec $(HEADRACE) run '$(dag)' --select '$(select)'

sql: setup
	@exec $(HEADRACE) sql --format '$(format)' --from-environment q

lock: setup
	@sh bin/setup --lock

pictures: setup
	@exec $(PYTHON) bin/pictures.py
