"""Prices of model responses: the bundled `genai-prices` flattened into one table of rates.

Belongs here: reading that package and the user's own rates file. Does not belong here:
which response gets which rate (sql/session/usage.sql joins them by model, time, tier and
input size).

A rates file is TOML; its rates go before the package's from the day on that they name:

    [[rate]]
    model = "codex-auto-review"   # exact name (or `pattern`, a regular expression)
    provider = "openai"           # optional; without it, the model from any provider
    tier = "standard"             # optional: standard, priority, flex, fast, ...
    from = 2026-01-01             # optional: first day (UTC) that the rate holds for
    above_input_tokens = 272000   # optional: only for requests with more input tokens
    input = 1.25                  # USD per million tokens, as are the three below
    cached_input = 0.125          # optional; without it, the input rate
    cache_write_input = 1.5625    # optional; without it, the input rate
    output = 10.0
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.contracts import lake_tables
from warehouse.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD = "standard"
ANY_PROVIDER = "*"
_PER_TOKEN = Decimal(1_000_000)
_SMALLEST = Decimal("1e-15")  # the scale of the contract's rates

_PARTS = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")


class RatesError(UsageError):
    """A rates file that cannot be used; the message names the file and the place."""


@dataclass(frozen=True, slots=True)
class _Model:
    """A model as a provider offers it, and the names that mean it."""

    provider: str
    name: str
    rank: int
    names: tuple[str, ...]
    pattern: str | None
    is_maker: bool


@dataclass(frozen=True, slots=True)
class _Rate:
    """Prices per million tokens of one tier from one day on, above one input size."""

    tier: str
    start: date | None
    known_from: date | None
    above: int
    prices: tuple[Decimal, Decimal, Decimal, Decimal]


def rates_table(override: Path | None) -> pa.Table:
    """All rates by the contract of table `rates`; those of `override` rank first."""
    import pyarrow as pa

    rows: list[tuple[object, ...]] = []
    if override is not None:
        for model, rates in _own(override):
            rows.extend(_rows(model, rates, override.name, is_own=True))
    source = f"genai-prices {version('genai-prices')}"
    for model, rates in _package():
        rows.extend(_rows(model, rates, source, is_own=False))
    schema = lake_tables()["rates"].arrow_schema
    columns = zip(*rows, strict=True)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


def _rows(
    model: _Model, rates: Iterable[_Rate], source: str, *, is_own: bool
) -> Iterator[tuple[object, ...]]:
    """Rows of one model, each with the days and input sizes up to which it holds."""
    by_tier: dict[str, dict[date | None, list[_Rate]]] = defaultdict(lambda: defaultdict(list))
    for rate in rates:
        by_tier[rate.tier][rate.start].append(rate)
    for tier, by_start in by_tier.items():
        starts = sorted(by_start, key=lambda start: start or date.min)
        for start, until in zip(starts, [*starts[1:], None], strict=True):
            bands = sorted(by_start[start], key=lambda rate: rate.above)
            for rate, up_to in zip(bands, [*(rate.above for rate in bands[1:]), None], strict=True):
                since = rate.known_from or rate.start
                yield (
                    "/".join(
                        (
                            source.split()[0],
                            model.provider,
                            model.name,
                            tier,
                            f"above-{rate.above}" if rate.above else "base",
                            since.isoformat() if since else "always",
                        )
                    ),
                    source,
                    is_own,
                    model.provider,
                    model.name,
                    model.rank,
                    list(model.names),
                    model.pattern,
                    model.is_maker,
                    tier,
                    start,
                    until,
                    rate.known_from,
                    rate.above,
                    up_to,
                    *((price / _PER_TOKEN).quantize(_SMALLEST) for price in rate.prices),
                )


# --- the package ------------------------------------------------------------------------------


def _package() -> Iterator[tuple[_Model, list[_Rate]]]:
    from genai_prices.data_snapshot import get_snapshot

    providers = get_snapshot().providers
    by_id = {provider.id: provider for provider in providers}
    for provider in providers:
        offered = list(provider.models)
        for other in provider.fallback_model_providers or ():
            offered.extend(by_id[other].models)
        for rank, info in enumerate(offered, 1):
            if rates := _rates(info):
                names = _names(info.match)
                made = provider.model_match
                is_maker = made is not None and made.is_match(names[0] if names else info.id)
                yield (
                    _Model(provider.id, info.id, rank, names, _pattern(info.match), is_maker),
                    rates,
                )


def _rates(info: Any) -> list[_Rate]:
    """All tiers, start days and input sizes of a model; none if hours of the day matter."""
    from genai_prices.types import ModelPrice, StartDateConstraint

    prices = info.prices
    dated: list[tuple[date | None, Any]] = []
    if isinstance(prices, ModelPrice):
        dated.append((None, prices))
    else:
        for conditional in prices:
            constraint = conditional.constraint
            if constraint is not None and not isinstance(constraint, StartDateConstraint):
                return []
            dated.append((constraint.start_date if constraint else None, conditional.prices))
    rates: list[_Rate] = []
    for start, price in dated:
        rates.extend(_bands(STANDARD, start, None, price, None))
    variants: dict[str, list[tuple[date | None, Any]]] = defaultdict(list)
    for variant in info.price_variants or ():
        tier = variant.when.get("service_tier")
        constraint = variant.constraint
        if tier in (None, "default") or len(variant.when) > 1:
            continue
        if constraint is not None and not isinstance(constraint, StartDateConstraint):
            continue
        variants[tier].append((constraint.start_date if constraint else None, variant.prices))
    for tier, known in variants.items():
        rates.extend(_tier(tier, sorted(known, key=lambda k: k[0] or date.min), dated))
    return rates


def _tier(tier: str, known: list[tuple[date | None, Any]], dated: list[Any]) -> Iterator[_Rate]:
    """A tier's prices over the standard ones in force; the first also before it is known."""
    for number, (since, over) in enumerate(known):
        until = known[number + 1][0] if number + 1 < len(known) else None
        in_force = [d for d in dated if since is None or d[0] is None or d[0] <= since]
        later = [d for d in dated if d not in in_force and (until is None or d[0] < until)]
        if number:
            yield from _bands(tier, since, None, in_force[-1][1], over)
        else:
            yield from _bands(tier, None, since, in_force[-1][1], over)
        for start, price in later:
            yield from _bands(tier, start, None, price, over)


def _bands(
    tier: str, start: date | None, known_from: date | None, price: Any, over: Any
) -> Iterator[_Rate]:
    values = []
    for part in _PARTS:
        value = getattr(over, part) if over is not None else None
        values.append(getattr(price, part) if value is None else value)
    if values[0] is None or values[3] is None:
        return
    starts = {0} | {t.start for v in values for t in getattr(v, "tiers", ())}
    for above in sorted(starts):
        base, cached, written, output = (_at(value, above) for value in values)
        assert base is not None
        assert output is not None
        yield _Rate(
            tier,
            start,
            known_from,
            above,
            (
                base,
                base if cached is None else cached,
                base if written is None else written,
                output,
            ),
        )


def _at(value: Any, above: int) -> Decimal | None:
    """The price of requests with more than `above` input tokens."""
    if value is None or isinstance(value, Decimal):
        return value
    price: Decimal = value.base
    for tier in value.tiers:
        if tier.start <= above and above:
            price = tier.price
    return price


def _clauses(match: Any) -> Iterator[Any]:
    if type(match).__name__ == "ClauseOr":
        for clause in match.or_:
            yield from _clauses(clause)
    else:
        yield match


def _names(match: Any) -> tuple[str, ...]:
    """Exact names that a clause accepts."""
    return tuple(c.equals for c in _clauses(match) if type(c).__name__ == "ClauseEquals")


def _pattern(match: Any) -> str | None:
    """Everything else that a clause accepts, as one regular expression."""
    parts = [text for clause in _clauses(match) if (text := _expression(clause))]
    return "|".join(parts) or None


def _expression(clause: Any) -> str | None:
    match type(clause).__name__:
        case "ClauseStartsWith":
            return "^" + re.escape(clause.starts_with)
        case "ClauseEndsWith":
            return re.escape(clause.ends_with) + "$"
        case "ClauseContains":
            return re.escape(clause.contains)
        case "ClauseRegex" if "(?" not in clause.regex.replace("(?:", ""):
            return str(clause.regex)
        case _:  # exact names are elsewhere; look-around and conjunctions go unpriced
            return None


# --- the user's file --------------------------------------------------------------------------


def _own(path: Path) -> Iterator[tuple[_Model, list[_Rate]]]:
    try:
        entries = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal).pop("rate", [])
    except OSError as error:
        raise RatesError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RatesError(f"{path}: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise RatesError(f"{path}: no [[rate]] entries")
    found: dict[_Model, list[_Rate]] = {}
    for number, entry in enumerate(entries, 1):
        try:
            model, rate = _own_rate(dict(entry), number)
        except (KeyError, TypeError, ValueError, re.error) as error:
            told = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise RatesError(f"{path}: [[rate]] number {number}: {told}") from None
        same = next((m for m in found if replace(m, rank=model.rank) == model), model)
        found.setdefault(same, []).append(rate)
    yield from found.items()


def _own_rate(entry: dict[str, Any], number: int) -> tuple[_Model, _Rate]:
    for key in ("model", "pattern", "provider", "tier"):
        if not isinstance(entry.get(key, ""), str):
            raise ValueError(f"`{key}` must be text in quotes")
    above = entry.pop("above_input_tokens", 0)
    if type(above) is not int or above < 0:
        raise ValueError("`above_input_tokens` must be a whole number, not below 0")
    name = entry.pop("model", None)
    pattern = entry.pop("pattern", None)
    if (name is None) == (pattern is None):
        raise ValueError("needs either `model` or `pattern`")
    if pattern is not None:
        re.compile(pattern)
    model = _Model(
        str(entry.pop("provider", ANY_PROVIDER)).lower(),
        name or pattern,
        number,
        () if name is None else (name.lower(),),
        pattern,
        is_maker=True,
    )
    start = entry.pop("from", None)
    if start is not None and type(start) is not date:
        raise ValueError("`from` must be a date such as 2026-01-01")
    base = _price(entry.pop("input"))
    output = _price(entry.pop("output"))
    rate = _Rate(
        entry.pop("tier", STANDARD),
        start,
        None,
        above,
        (
            base,
            _price(entry.pop("cached_input", base)),
            _price(entry.pop("cache_write_input", base)),
            output,
        ),
    )
    if entry:
        raise ValueError(f"unknown key {sorted(entry)[0]!r}")
    return model, rate


def _price(value: object) -> Decimal:
    price = Decimal("nan")
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        price = Decimal(value)
    if not price.is_finite() or price < 0:
        raise ValueError("a price must be a number of USD per million tokens, not below 0")
    return price
