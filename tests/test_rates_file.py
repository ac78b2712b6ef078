"""The user's own rates file: what it gives, and how its mistakes are told.

Belongs here: reading the file. Does not belong here: which response gets which rate
(tests/sql and tests/accounting).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from warehouse.errors import UsageError
from warehouse.pricing import RatesError, rates_table

ENTRY = """
[[rate]]
model = "Codex-Auto-Review"
input = 1.25
cached_input = 0.125
output = 10
"""


def test_rate_goes_before_the_package_s(tmp_path: Path) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(ENTRY)
    rows = rates_table(path).to_pylist()
    own = [row for row in rows if row["is_own_rate"]]
    (rate,) = own
    assert rate["model_names"] == ["codex-auto-review"]
    assert rate["input_rate"] == Decimal("1.25") / 1_000_000
    assert rate["cached_input_rate"] == Decimal("0.125") / 1_000_000
    assert rate["cache_write_input_rate"] == rate["input_rate"]
    assert rate["output_rate"] == Decimal(10) / 1_000_000
    assert len(rows) - len(own) == len(rates_table(None)) > 100


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no [[rate]] entries"),
        ("[[rates]]\nmodel = 'a'", "no [[rate]] entries"),
        ("[[rate", "Expected"),
        ("[[rate]]\ninput = 1\noutput = 1", "number 1: needs either `model` or `pattern`"),
        ("[[rate]]\nmodel = 3\ninput = 1\noutput = 1", "`model` must be text in quotes"),
        ("[[rate]]\nmodel = 'a'\nprovider = []\ninput = 1\noutput = 1", "`provider` must be"),
        ("[[rate]]\npattern = '('\ninput = 1\noutput = 1", "number 1: missing )"),
        ("[[rate]]\nmodel = 'a'\noutput = 1", "number 1: lacks 'input'"),
        ("[[rate]]\nmodel = 'a'\ninput = -1\noutput = 1", "a price must be a number of USD"),
        ("[[rate]]\nmodel = 'a'\ninput = '1'\noutput = 1", "a price must be a number of USD"),
        ("[[rate]]\nmodel = 'a'\ninput = nan\noutput = 1", "a price must be a number of USD"),
        ("[[rate]]\nmodel = 'a'\ninput = 1\noutput = 1\nfrom = 2026", "`from` must be a date"),
        (
            "[[rate]]\nmodel = 'a'\ninput = 1\noutput = 1\nabove_input_tokens = 'x'",
            "`above_input_tokens` must be a whole number",
        ),
        (ENTRY + "tierr = 'flex'", "number 1: unknown key 'tierr'"),
        (ENTRY + ENTRY.replace("output", "outputs"), "number 2: lacks 'output'"),
    ],
)
def test_mistake_is_named_with_file_and_entry(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(text)
    with pytest.raises(RatesError) as caught:
        rates_table(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)
    assert isinstance(caught.value, UsageError)


def test_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(RatesError, match="No such file"):
        rates_table(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RatesError, match="utf-8"):
        rates_table(tmp_path / "bytes.toml")
