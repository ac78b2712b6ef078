"""Usage lines: token counters, usage records, and the rate limits beside them.

Belongs here: the shapes of token_count and token_usage_record lines in every version, and
their rows. Does not belong here: which of them count (sql/session/usage.sql).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, epoch_us, iso_us
from warehouse.sources.codex.shapes import Int, Label, Number, Payload, Place, Shape, Time

# No thread ever comes near it. What is beyond is damaged, and must not end a build, whose sums
# and differences have 64 bits.
Tally = Annotated[int, msgspec.Meta(ge=-(10**15), le=10**15)]


class Tokens(Shape):
    input_tokens: Tally | None = None
    cached_input_tokens: Tally | None = None
    cache_write_input_tokens: Tally | None = None
    output_tokens: Tally | None = None
    reasoning_output_tokens: Tally | None = None
    total_tokens: Tally | None = None


class Info(Shape):
    total_token_usage: Tokens | None = None
    last_token_usage: Tokens | None = None
    model_context_window: Int | None = None
    last_usage_includes_reasoning: bool | None = None


class Window(Shape):
    used_percent: Number | None = None
    window_minutes: Int | None = None
    resets_at: Int | Time | None = None
    resets_in_seconds: Number | None = None


class Credits(Shape):
    has_credits: bool | None = None
    unlimited: bool | None = None
    balance: Label | None = None


class IndividualLimit(Shape):
    limit: Label | None = None
    used: Label | None = None
    remaining_percent: Number | None = None
    resets_at: Int | None = None


class RateLimits(Shape):
    limit_id: Label | None = None
    limit_name: Label | None = None
    primary: Window | None = None
    secondary: Window | None = None
    credits: Credits | None = None
    individual_limit: IndividualLimit | None = None
    spend_control_reached: bool | None = None
    plan_type: Label | None = None
    rate_limit_reached_type: Label | None = None
    # flat form of 2025-09-20 to 09-24; "weekly" was renamed "secondary" on the second day
    primary_used_percent: Number | None = None
    primary_window_minutes: Int | None = None
    primary_to_weekly_ratio_percent: Number | None = None
    primary_to_secondary_ratio_percent: Number | None = None
    secondary_used_percent: Number | None = None
    secondary_window_minutes: Int | None = None
    weekly_used_percent: Number | None = None
    weekly_window_minutes: Int | None = None


_NO_TOKENS = Tokens()
_NO_INFO = Info()
_NO_CREDITS = Credits()
_NO_INDIVIDUAL_LIMIT = IndividualLimit()


class TokenCount(Payload):
    info: Info | None = None
    rate_limits: RateLimits | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        info = self.info
        if info is None:
            info = _NO_INFO
        last = info.last_token_usage or _NO_TOKENS
        total = info.total_token_usage or _NO_TOKENS
        rows["parsed_usage"].append(
            (
                number,
                offset,
                at,
                ordinal,
                "token_count",
                None,
                None,
                None,
                None,
                None,
                info is not _NO_INFO,
                last.input_tokens,
                last.cached_input_tokens,
                last.cache_write_input_tokens,
                last.output_tokens,
                last.reasoning_output_tokens,
                last.total_tokens,
                total.input_tokens,
                total.cached_input_tokens,
                total.cache_write_input_tokens,
                total.output_tokens,
                total.reasoning_output_tokens,
                total.total_tokens,
                None,
                None,
                None,
                None,
                None,
                None,
                info.model_context_window,
                info.last_usage_includes_reasoning,
            )
        )
        if self.rate_limits is not None:
            _add_rate_limits(self.rate_limits, place, rows)


class UsageRecord(Payload):
    thread_id: Label | None = None
    turn_id: Label | None = None
    session_id: Label | None = None
    root_turn_id: Label | None = None
    response_id: Label | None = None
    usage: Tokens | None = None
    turn_token_usage: Tokens | None = None
    thread_token_usage: Tokens | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        usage = self.usage or _NO_TOKENS
        thread = self.thread_token_usage or _NO_TOKENS
        turn = self.turn_token_usage or _NO_TOKENS
        rows["parsed_usage"].append(
            (
                number,
                offset,
                at,
                ordinal,
                "token_usage_record",
                self.thread_id,
                self.turn_id,
                self.session_id,
                self.root_turn_id,
                self.response_id,
                self.usage is not None,
                usage.input_tokens,
                usage.cached_input_tokens,
                usage.cache_write_input_tokens,
                usage.output_tokens,
                usage.reasoning_output_tokens,
                usage.total_tokens,
                thread.input_tokens,
                thread.cached_input_tokens,
                thread.cache_write_input_tokens,
                thread.output_tokens,
                thread.reasoning_output_tokens,
                thread.total_tokens,
                turn.input_tokens,
                turn.cached_input_tokens,
                turn.cache_write_input_tokens,
                turn.output_tokens,
                turn.reasoning_output_tokens,
                turn.total_tokens,
                None,
                None,
            )
        )


def _add_rate_limits(r: RateLimits, place: Place, rows: Rows) -> None:
    number, offset, at, ordinal = place
    primary = r.primary or Window(r.primary_used_percent, r.primary_window_minutes)
    secondary = r.secondary
    if secondary is None:
        percent, minutes = r.secondary_used_percent, r.secondary_window_minutes
        secondary = Window(
            r.weekly_used_percent if percent is None else percent,
            r.weekly_window_minutes if minutes is None else minutes,
        )
    credits = r.credits or _NO_CREDITS
    individual = r.individual_limit or _NO_INDIVIDUAL_LIMIT
    rows["parsed_rate_limits"].append(
        (
            number,
            offset,
            at,
            ordinal,
            r.limit_id,
            r.limit_name,
            primary.used_percent,
            primary.window_minutes,
            _reset(primary, at),
            secondary.used_percent,
            secondary.window_minutes,
            _reset(secondary, at),
            credits.has_credits,
            credits.unlimited,
            credits.balance,
            r.plan_type,
            r.rate_limit_reached_type,
            r.spend_control_reached,
            individual.limit,
            individual.used,
            individual.remaining_percent,
            epoch_us(individual.resets_at),
        )
    )


def _reset(window: Window, at: bytes | None) -> int | None:
    """When a window resets, from any shape that it ever had."""
    resets = window.resets_at
    if type(resets) is int:
        return epoch_us(resets)
    if isinstance(resets, str):
        return iso_us(resets)
    if window.resets_in_seconds is None or at is None:
        return None
    start = iso_us(at.decode("utf-8", "replace"))
    return None if start is None else epoch_us(start / 1_000_000 + window.resets_in_seconds)


# Lines of numbers, ids and flags only: their body is kept.
EVENTS: dict[str, type[Payload]] = {"token_count": TokenCount}
LINES: dict[str, type[Payload]] = {"token_usage_record": UsageRecord}
KEPT = frozenset(EVENTS) | frozenset(LINES)
