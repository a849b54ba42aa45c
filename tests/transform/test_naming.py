from __future__ import annotations

import pytest

from include.headrace.errors import ConfigError
from include.headrace.transform.graph import Graph
from include.headrace.transform.naming import selection, task_ids
from tests.transform.conftest import Project
from tests.transform.manifests import generic, manifest_of, model, several


def test_another_test_renames_no_task() -> None:
    before = [model("m"), generic("a", "m")]
    without = task_ids(Graph(manifest_of(model("m"))))
    one = task_ids(Graph(manifest_of(*before)))
    two = task_ids(Graph(manifest_of(*before, generic("b", "m"), several("c", ["m"]))))
    assert without == {"model.shop.m": "m.run"}
    assert one == {"model.shop.m": "m.run", "test.shop.a.0a1b2c3d4e": "m.a"}
    assert one.items() <= two.items()
    assert two["test.shop.c"] == "tests.c"


def test_two_tests_of_one_name_get_ids_of_their_own_in_any_order() -> None:
    first, second = generic("same", "m", "1111111111"), generic("same", "m", "2222222222")
    ids = task_ids(Graph(manifest_of(model("m"), first, second)))
    assert len(set(ids.values())) == 3
    assert ids == task_ids(Graph(manifest_of(second, first, model("m"))))


def test_a_test_named_like_the_models_own_task_does_not_take_its_id() -> None:
    ids = task_ids(Graph(manifest_of(model("m"), generic("run", "m"))))
    assert ids["model.shop.m"] == "m.run"
    assert len(set(ids.values())) == 2


def test_long_names_are_cut_to_what_airflow_takes_and_stay_apart() -> None:
    long = "x" * 300
    ids = task_ids(Graph(manifest_of(model("m"), generic(long + "a", "m"), generic(long + "b", "m"))))
    assert len(set(ids.values())) == 3
    assert max(len(task_id) for task_id in ids.values()) <= 250


def test_the_sample_has_a_name_for_every_kind(sample: Project) -> None:
    ids = task_ids(Graph(sample.manifest))
    assert {
        "model.shop.prices.v2": "prices_v2.run",
        "seed.shop.countries": "countries.seed",
        "snapshot.shop.customers_history": "customers_history.snapshot",
        "source.shop.shop.customers": "source__shop__customers.freshness",
        "unit_test.shop.stg_orders.amounts_are_numbers": "stg_orders.amounts_are_numbers",
        "test.shop.no_order_is_lost": "tests.no_order_is_lost",
    }.items() <= ids.items()


def test_tests_that_dbt_cannot_tell_apart_are_refused() -> None:
    first, second = generic("same", "m", "1111111111"), generic("same", "m", "2222222222")
    graph = Graph(manifest_of(model("m"), first, second))
    with pytest.raises(ConfigError, match="Give one of them another name") as caught:
        selection(graph, graph.nodes[first["unique_id"]])
    assert "models/marts/_models.yml" in str(caught.value)


def test_a_model_named_like_a_folder_is_told_apart_by_its_file() -> None:
    inner = {**model("x"), "fqn": ["shop", "marts", "m", "x"], "original_file_path": "models/marts/m/x.sql"}
    graph = Graph(manifest_of(model("m"), inner))
    assert selection(graph, graph.nodes["model.shop.m"]) == "fqn:shop.marts.m,file:m.sql"


@pytest.mark.parametrize("name", ["a,b", "a b", "a*", "a+b"])
def test_a_name_that_means_something_to_select_is_refused(name: str) -> None:
    graph = Graph(manifest_of(model("m"), generic(name, "m")))
    with pytest.raises(ConfigError, match="use letters, digits and underscores"):
        selection(graph, graph.nodes[f"test.shop.{name}.0a1b2c3d4e"])
