"""The layers session, derived and summary: one step each, all models of the layer in it.

Belongs here: their assets. Does not belong here: what models compute (sql/) or how they run
(warehouse/models.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from pipelines.assets.tables import made, model_asset
from pipelines.checks import check_specs
from warehouse.build import Build
from warehouse.models import Model


def layer_step(layer: str, models: Sequence[Model]) -> dg.AssetsDefinition:
    """All models of a layer, in their order."""

    @dg.multi_asset(
        name=layer,
        specs=[model_asset(model) for model in models],
        check_specs=[
            spec
            for model in models
            if not model.header.internal
            for spec in check_specs(model.table, has_coverage=bool(model.header.coverage))
        ],
        can_subset=False,
        description=f"Run all models of sql/{layer}.",
    )
    def run_layer(build: dg.ResourceParam[Build]) -> Iterator[dg.MaterializeResult]:
        build.run_layer(layer)
        for model in models:
            yield made(build, model.name, _coverage(build, model.name))

    return run_layer


def _coverage(build: Build, model: str) -> dict[str, dg.TableMetadataValue]:
    """What the model's sums cover, over all its rows."""
    sums = build.coverage(model)
    if not sums:
        return {}
    records = [
        dg.TableRecord({"value": value, "covered": covered, "total": total})
        for value, (covered, total) in sums.items()
    ]
    return {"coverage": dg.TableMetadataValue(records, _COVERAGE_COLUMNS)}


_COVERAGE_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn("value", "string", "Column that holds a sum"),
        dg.TableColumn("covered", "int", "What the sum covers"),
        dg.TableColumn("total", "int", "What it could cover"),
    ]
)
