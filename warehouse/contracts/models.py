"""Columns that only SQL models carry.

Belongs here: what the columns of sql/**.sql mean, where no source has them, and the table
of rates that models join. Does not belong here: the models themselves (each one's header
names its columns).
"""

from __future__ import annotations

from warehouse.contracts.base import Column

_RATE = "DECIMAL(18,15)"

COLUMNS: tuple[Column, ...] = (
    # --- rates --------------------------------------------------------------------------------
    Column("rate_id", "VARCHAR", "Name of the rate that priced the row", null="no rate fits"),
    Column("rate_source", "VARCHAR", "Package or file that the rate comes from"),
    Column("provider", "VARCHAR", "Provider that offers the model, * for any"),
    Column("priced_model", "VARCHAR", "Model as the price list calls it"),
    Column("match_rank", "BIGINT", "Which of several matching models goes first: the lowest"),
    Column("model_names", "VARCHAR[]", "Exact names that mean the model, in lower case"),
    Column("model_pattern", "VARCHAR", "Pattern of other names that mean it", null="none"),
    Column(
        "is_maker",
        "BOOLEAN",
        "Whether the rate also holds for providers that the price list does not know",
    ),
    Column("price_tier", "VARCHAR", "Service tier that is priced: standard, priority, flex, ..."),
    Column("valid_from", "DATE", "First day (UTC) of the rate", null="from the beginning"),
    Column("valid_until", "DATE", "First day (UTC) that it no longer holds", null="still holds"),
    Column(
        "tier_known_from",
        "DATE",
        "First day for which the price list knows the tier's rate; it is used before as well",
        null="known as long as it holds",
    ),
    Column("above_input_tokens", "BIGINT", "For requests with more input tokens than this"),
    Column(
        "up_to_input_tokens", "BIGINT", "For requests with at most this many", null="no upper end"
    ),
    Column("input_rate", _RATE, "Price of an input token that was not cached", unit="USD"),
    Column("cached_input_rate", _RATE, "Price of an input token from the cache", unit="USD"),
    Column("cache_write_input_rate", _RATE, "Price of an input token put in it", unit="USD"),
    Column("output_rate", _RATE, "Price of an output token", unit="USD"),
)

TABLES: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "rates",
        "raw",
        "Prices by model, tier, day and input size: the bundled price list and the user's own",
        "one row per rate of a model as a provider offers it",
        ("rate_id", "provider", "match_rank", "above_input_tokens"),
        (
            "rate_id",
            "rate_source",
            "provider",
            "priced_model",
            "match_rank",
            "model_names",
            "model_pattern",
            "is_maker",
            "price_tier",
            "valid_from",
            "valid_until",
            "tier_known_from",
            "above_input_tokens",
            "up_to_input_tokens",
            "input_rate",
            "cached_input_rate",
            "cache_write_input_rate",
            "output_rate",
        ),
        (),
    ),
)
