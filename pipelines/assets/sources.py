"""Where the data comes from: external assets in front of the layer raw.

Belongs here: one asset per kind of source, for lineage. Does not belong here: reading.
"""

from __future__ import annotations

import inspect

import dagster as dg

from warehouse.sources import KINDS

GROUP = "sources"
PRICE_LIST = "price_list"


def source_assets() -> list[str]:
    """Names of the assets that stand for all files of a kind."""
    return [_name(kind) for kind in KINDS]


def external_assets() -> list[dg.AssetSpec]:
    """What lies outside: Dagster shows these and never runs them."""
    files = [
        dg.AssetSpec(
            _name(kind),
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


def _name(kind: str) -> str:
    return f"{kind.replace('-', '_')}_files"
