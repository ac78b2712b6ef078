"""Which files are goal ledgers, and what tells one from another.

Belongs here: names and identity of ledger files. Does not belong here: what lines mean.

Nothing in a ledger says whose it is, and its first line may be rewritten; so a ledger is the
file at its place: whatever is written there replaces or continues what was there. (A moved
ledger is recognised by its content, see scanning.py.) The label is left out of the identity,
so that a ledger which gets another label is not counted a second time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import xxhash

from warehouse.sources.base import UNKNOWN_DAY, Found, Identity
from warehouse.sources.walking import walk

_NAME = re.compile(r"[^.].*\.ndjson(?:\.zst)?\Z")


def discover(root: Path, label: str | None) -> Iterator[Found]:
    """The ledger at `root`, or all `*.ndjson` files below it.

    Where a plain file and its `.zst` twin lie side by side, the plain one is given.
    """
    for seen in walk(root, lambda name: _NAME.match(name) is not None):
        path = os.path.realpath(seen.path)  # two settings may reach one ledger on two ways
        yield Found(
            "ledger",
            label,
            path,
            path.removesuffix(".zst"),
            seen.size,
            seen.mtime_ns,
            is_compressed=path.endswith(".zst"),
            error=seen.error,
        )


def identify(found: Found, head: bytes) -> Identity:
    """Identity by place.

    A ledger spans months, and every event has its bucket written anew: so it has no day, and
    lies apart from the rollouts of the week in which it began.
    """
    base_id = xxhash.xxh3_64_hexdigest(found.logical.encode("utf-8", "surrogateescape"))
    return Identity(base_id, None, UNKNOWN_DAY, has_lines=b"\n" in head)
