"""Asset checks: what `warehouse.checks` found, in Dagster's terms.

Belongs here: declaring the checks of a table, and turning outcomes into results. Does not
belong here: the checks themselves (warehouse/checks.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from warehouse.build import Build
from warehouse.checks import across_names
from warehouse.contracts import Table

_OF_EVERY_TABLE = {
    "key_is_unique": "The key names each row",
    "contract_holds": "Columns that are never NULL hold no NULL",
}
_OF_COVERED_SUMS = {
    "coverage_is_honest": (
        "0 <= covered <= total, and a value is NULL exactly where nothing is covered"
    ),
}


def check_specs(table: Table, has_coverage: bool = False) -> list[dg.AssetCheckSpec]:
    """What is checked whenever a table is made. A failed blocking check stops the run there."""
    fixed = _OF_EVERY_TABLE | (_OF_COVERED_SUMS if has_coverage else {})
    checks = [(name, True, description) for name, description in fixed.items()]
    return [
        dg.AssetCheckSpec(name, asset=table.name, description=description, blocking=is_blocking)
        for name, is_blocking, description in [*checks, *across_names(table.name)]
    ]


def check_results(build: Build, table: str) -> Iterator[dg.AssetCheckResult]:
    """How the checks of a table that was made came out."""
    for check in build.checks(table):
        yield dg.AssetCheckResult(
            asset_key=table,
            check_name=check.name,
            passed=check.passed,
            severity=(
                dg.AssetCheckSeverity.ERROR if check.is_blocking else dg.AssetCheckSeverity.WARN
            ),
            description=check.description,
            metadata=dict(check.numbers),
        )
