"""Where the data comes from: external assets in front of the layer raw.

Belongs here: one asset per kind of source, for lineage. Does not belong here: reading.
"""

from __future__ import annotations

import inspect

import dagster as dg

from warehouse.contracts import Table
from warehouse.sources import KINDS

GROUP = "sources"
PRICE_LIST = "price_list"


def sources_of(table: Table) -> list[str]:
    """The assets that a table of the layer raw is made of."""
    if table.name == "rates":
        return [PRICE_LIST]
    return [_key(kind) for kind in KINDS]


def external_assets() -> list[dg.AssetSpec]:
    """What lies outside: Dagster shows these and never runs them."""
    files = [
        dg.AssetSpec(
            _key(kind),
            group_name=GROUP,
            description=inspect.getdoc(source),
            kinds={"file"},
            metadata={"tables": list(source.tables)},
        )
        for kind, source in KINDS.items()
    ]
    prices = dg.AssetSpec(
        PRICE_LIST,
        group_name=GROUP,
        description="Prices of models: those of the package genai-prices, and the user's own.",
        kinds={"python"},
    )
    return [*files, prices]


def _key(kind: str) -> str:
    return f"{kind.replace('-', '_')}_files"
