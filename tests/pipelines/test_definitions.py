"""The asset graph follows from contracts and headers, whole and without copies of them."""

from __future__ import annotations

import dagster as dg
import pytest

from pipelines.definitions import defs
from warehouse import resources
from warehouse.contracts import LAYERS, Table, lake_tables
from warehouse.models import Model, load_models
from warehouse.sources import KINDS

MODELS = {model.name: model for model in load_models(resources.sql_folder())}
TABLES: dict[str, Table] = {**lake_tables(), **{m.name: m.table for m in MODELS.values()}}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return defs()


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def _dependencies(spec: dg.AssetSpec) -> set[str]:
    return {dep.asset_key.to_user_string() for dep in spec.deps}


def test_one_asset_a_table_and_the_published_file(specs: dict[str, dg.AssetSpec]) -> None:
    outside = {key for key, spec in specs.items() if spec.group_name == "sources"}
    assert specs.keys() - outside == TABLES.keys() | {"warehouse_file"}
    assert len(outside) == len(KINDS) + 1  # and the price list


def test_groups_are_layers(specs: dict[str, dg.AssetSpec]) -> None:
    assert {name: specs[name].group_name for name in TABLES} == {
        name: table.layer for name, table in TABLES.items()
    }
    assert specs["warehouse_file"].group_name == "publish"
    assert {spec.group_name for spec in specs.values()} == {"sources", *LAYERS, "publish"}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_column_schema_is_the_contract(table: Table, specs: dict[str, dg.AssetSpec]) -> None:
    schema = specs[table.name].metadata["dagster/column_schema"]
    assert [(c.name, c.type, c.description, c.constraints.nullable) for c in schema.columns] == [
        (c.name, c.type, c.comment, c.nullable) for c in table.published
    ]
    assert tuple(c.name for c in schema.columns if "key" in c.tags) == tuple(
        c.name for c in table.published if c.name in table.key
    )


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_description_says_grain_and_key(table: Table, specs: dict[str, dg.AssetSpec]) -> None:
    description = specs[table.name].description or ""
    assert description.startswith(table.description)
    assert f"Grain: {table.grain}" in description
    assert f"Key: {', '.join(table.key)}." in description


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_model_shows_its_references_and_sql(model: Model, specs: dict[str, dg.AssetSpec]) -> None:
    spec = specs[model.name]
    assert _dependencies(spec) == model.references
    assert model.select.strip() in spec.metadata["sql"].value
    assert (resources.sql_folder().parent / spec.metadata["file"]) == model.path


def test_lineage_reaches_from_sources_to_the_file(specs: dict[str, dg.AssetSpec]) -> None:
    published = {name for name in TABLES if name not in MODELS or not MODELS[name].header.internal}
    assert _dependencies(specs["warehouse_file"]) == published
    reached = {key for key, spec in specs.items() if spec.group_name == "sources"}
    waiting = specs.keys() - reached
    while ready := {key for key in waiting if _dependencies(specs[key]) & reached}:
        reached |= ready
        waiting -= ready
    assert not waiting


def test_a_layer_is_one_step(definitions: dg.Definitions) -> None:
    steps = definitions.resolve_job_def("nightly").graph.node_dict
    assert set(steps) == {"ingest", "session", "derived", "summary", "warehouse_file"}


def test_checks_are_declared_blocking_but_for_warnings(definitions: dg.Definitions) -> None:
    checks = {
        (key.asset_key.to_user_string(), key.name): node.blocking
        for key, node in (
            (node.key, node) for node in definitions.resolve_asset_graph().asset_check_nodes
        )
    }
    for name in TABLES:
        model = MODELS.get(name)
        is_internal = model is not None and model.header.internal
        assert ((name, "key_is_unique") in checks) is not is_internal
        assert ((name, "contract_holds") in checks) is not is_internal
        covered = model is not None and bool(model.header.coverage)
        assert ((name, "coverage_is_honest") in checks) is covered
    assert {key for key, blocking in checks.items() if not blocking} == {
        ("parsed_rejects", "rejects_within_bounds"),
        ("goal_violations", "ledgers_keep_their_rules"),
        ("reconciliation", "differences_are_explained"),
    }
    assert ("derived_projects", "sums_agree") in checks
    assert ("usage", "no_orphan_usage") in checks
