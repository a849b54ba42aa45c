from __future__ import annotations

from typing import Any

from tests.dbt_project.dbt_command import Run

DESCRIBED = ("model", "seed", "snapshot")
SCHEMAS = {"STAGING", "INTERMEDIATE", "MARTS", "SNAPSHOTS", "OPS"}


def _nodes(manifest: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    found = [node for node in manifest["nodes"].values() if node["resource_type"] in kinds]
    assert found
    return found


def _marts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in _nodes(manifest, "model") if "marts" in node["fqn"]]


def test_the_project_parses_with_every_warning_an_error_and_no_warehouse(parsed: Run) -> None:
    assert parsed.returncode == 0, parsed.output


def test_every_relation_and_every_column_has_a_description(manifest: dict[str, Any]) -> None:
    relations = [*_nodes(manifest, *DESCRIBED), *manifest["sources"].values()]
    bare = [node["unique_id"] for node in relations if not node["description"].strip() or not node["columns"]]
    bare += [
        f"{node['unique_id']}.{name}"
        for node in relations
        for name, column in node["columns"].items()
        if not column["description"].strip()
    ]
    bare += [
        source["unique_id"] for source in manifest["sources"].values() if not source["source_description"]
    ]
    assert bare == []


def test_what_is_not_a_relation_has_a_description_too(manifest: dict[str, Any]) -> None:
    own = [macro for macro in manifest["macros"].values() if macro["package_name"] == "headrace"]
    others = [*own, *manifest["exposures"].values(), *manifest["unit_tests"].values()]
    others += [node for node in _nodes(manifest, "test") if node.get("test_metadata") is None]
    assert [node["unique_id"] for node in others if not node["description"]] == []


def test_every_mart_is_public_grouped_and_under_an_enforced_contract(manifest: dict[str, Any]) -> None:
    marts = _marts(manifest)
    assert {mart["name"] for mart in marts} >= {
        "fct_flights",
        "fct_weather_hourly",
        "dim_aircraft",
        "dim_airline",
        "dim_airport",
        "dim_date",
        "kpi_punctuality_daily",
        "kpi_delay",
        "kpi_cancellation",
        "kpi_seats_flown",
        "kpi_delay_by_weather",
    }
    for mart in marts:
        assert mart["config"]["contract"]["enforced"], mart["name"]
        assert mart["access"] == "public", mart["name"]
        assert all(column["data_type"] for column in mart["columns"].values()), mart["name"]


def test_every_mart_has_its_key_tested(manifest: dict[str, Any]) -> None:
    keyed = {
        test["attached_node"]
        for test in _nodes(manifest, "test")
        if (test.get("test_metadata") or {}).get("name") in ("unique", "unique_combination")
    }
    assert [mart["name"] for mart in _marts(manifest) if mart["unique_id"] not in keyed] == []


def test_flights_and_weather_are_tied_to_every_source_they_name(manifest: dict[str, Any]) -> None:
    ties = {
        (test["attached_node"].split(".")[-1], test["column_name"], test["test_metadata"]["kwargs"]["to"])
        for test in _nodes(manifest, "test")
        if (test.get("test_metadata") or {}).get("name") == "relationships"
        and test["config"]["severity"].lower() == "error"
    }
    assert ties == {
        ("fct_flights", "flight_date", "ref('dim_date')"),
        ("fct_flights", "carrier_code", "ref('dim_airline')"),
        ("fct_flights", "tail_number", "ref('dim_aircraft')"),
        ("fct_flights", "origin_code", "ref('dim_airport')"),
        ("fct_flights", "destination_code", "ref('dim_airport')"),
        ("fct_flights", "weather_id", "ref('fct_weather_hourly')"),
        ("fct_weather_hourly", "origin_code", "ref('dim_airport')"),
    }


def test_staging_is_private_and_every_model_has_a_group_with_an_owner(manifest: dict[str, Any]) -> None:
    groups = {group["name"]: group["owner"] for group in manifest["groups"].values()}
    for model in _nodes(manifest, "model"):
        assert groups[model["group"]]["email"], model["name"]
        layer = model["fqn"][1]
        wanted = {"staging": "private", "intermediate": "protected", "marts": "public", "ops": "protected"}
        assert model["access"] == wanted[layer], model["name"]


def test_a_schema_is_exactly_the_one_that_is_named(manifest: dict[str, Any]) -> None:
    assert {node["schema"] for node in _nodes(manifest, *DESCRIBED)} == SCHEMAS
    assert {node["database"] for node in _nodes(manifest, *DESCRIBED)} == {"ANALYTICS"}
    assert {(source["database"], source["schema"]) for source in manifest["sources"].values()} == {
        ("RAW", source)
        for source in (
            *("OPERATIONS", "ARCHIVE", "REFERENCE", "FLEET", "CARRIERS"),
            *("WEATHER_EWR", "WEATHER_JFK", "WEATHER_LGA", "DBT"),
        )
    }


def test_every_task_has_its_pool_and_retries(manifest: dict[str, Any]) -> None:
    nodes = [
        *_nodes(manifest, *DESCRIBED, "test"),
        *manifest["unit_tests"].values(),
        *manifest["sources"].values(),
    ]
    for node in nodes:
        arguments = node["config"]["meta"]["cosmos"]["operator_kwargs"]
        assert arguments["pool"] == "dbt", node["unique_id"]
        assert arguments["retries"] >= 1, node["unique_id"]


def test_every_source_table_is_fresh_by_the_ledger(manifest: dict[str, Any]) -> None:
    loaded = [source for source in manifest["sources"].values() if source["source_name"] != "dbt"]
    assert len(loaded) == 8
    for source in loaded:
        assert "last_commit" in source["loaded_at_query"], source["unique_id"]
        assert source["freshness"]["warn_after"]["count"], source["unique_id"]
        assert source["freshness"]["error_after"]["count"], source["unique_id"]


def test_the_exposure_reaches_every_mart(manifest: dict[str, Any]) -> None:
    used = {
        parent for exposure in manifest["exposures"].values() for parent in exposure["depends_on"]["nodes"]
    }
    assert {mart["unique_id"] for mart in _marts(manifest)} <= used


def test_test_names_are_unlike_and_short_enough_for_a_task(manifest: dict[str, Any]) -> None:
    names = [node["name"] for node in _nodes(manifest, "test")]
    assert len(names) == len(set(names))
    assert max(map(len, names)) < 150
