"""One asset a table, one step a layer (raw and parsed share one: the ingest).

Belongs here: the list of all assets. Does not belong here: how a table is described
(tables.py) or made (ingest.py, models.py, publish.py).

Few steps, since a step costs a tenth of a second and a table nothing: all tables of a layer
are made together, which is also how `warehouse.build.Build` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from pipelines.assets import sources
from pipelines.assets.ingest import ingest_step
from pipelines.assets.models import layer_step
from pipelines.assets.publish import publish_step
from warehouse.contracts import lake_tables
from warehouse.models import MODEL_LAYERS, Model


def all_assets(models: Sequence[Model]) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """Sources, the tables of all layers, and the published file."""
    by_layer = {
        layer: [model for model in models if model.table.layer == layer] for layer in MODEL_LAYERS
    }
    published = [*lake_tables(), *(model.name for model in models if not model.header.internal)]
    return [
        *sources.external_assets(),
        ingest_step(),
        *(layer_step(layer, found) for layer, found in by_layer.items() if found),
        publish_step(published),
    ]
