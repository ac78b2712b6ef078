"""Token counters and rate limits, as messages say them.

Belongs here: numbers as written. Does not belong here: which of them count (none: usage rests
on rollouts).
"""

from __future__ import annotations

import msgspec

from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.rows import At, Known, MessageRows, Named, Place
from warehouse.sources.base import epoch_us
from warehouse.sources.texts import ident, word

_NO_WINDOW = s.Window()


class UsageRows(MessageRows):
    """Rows of parsed_app_usage and parsed_app_rate_limits."""

    @property
    def known(self) -> Known:
        return {
            "thread/tokenUsage/updated": (s.UsageUpdated, self._usage),
            "rawResponse/completed": (s.ResponseCompleted, self._response),
            "account/rateLimits/updated": (s.RateLimitsUpdated, self._rate_limits_updated),
        }

    def _usage(self, p: s.UsageUpdated, at: At) -> Named:
        usage = p.token_usage or s.TokenUsage()
        self._add(
            "parsed_app_usage",
            at.place,
            {
                "event": at.method,
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "context_window": usage.model_context_window,
            },
            _tokens("last", usage.last),
            _tokens("total", usage.total),
        )
        return Named(p.thread_id, p.turn_id)

    def _response(self, p: s.ResponseCompleted, at: At) -> Named:
        self._add(
            "parsed_app_usage",
            at.place,
            {
                "event": at.method,
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "response_id": ident(p.response_id),
            },
            _tokens("last", p.usage),
        )
        return Named(p.thread_id, p.turn_id)

    def _rate_limits_updated(self, p: s.RateLimitsUpdated, at: At) -> Named:
        if p.rate_limits is not None:
            self.rate_limits(p.rate_limits, None, at.method, at.place, 0)
        return Named()

    def rate_limits(
        self, r: s.RateLimits, limit_id: str | None, event: str, place: Place, position: int
    ) -> None:
        """The row of one family of limits."""
        credits = r.credits or s.Credits()
        individual = r.individual_limit or s.IndividualLimit()
        primary, secondary = r.primary or _NO_WINDOW, r.secondary or _NO_WINDOW
        self._add(
            "parsed_app_rate_limits",
            place,
            {
                "position": position,
                "event": event,
                "limit_id": r.limit_id or limit_id,
                "limit_name": r.limit_name,
                "primary_used_percent": primary.used_percent,
                "primary_window_minutes": primary.window_duration_mins,
                "primary_resets_at": epoch_us(primary.resets_at),
                "secondary_used_percent": secondary.used_percent,
                "secondary_window_minutes": secondary.window_duration_mins,
                "secondary_resets_at": epoch_us(secondary.resets_at),
                "has_credits": credits.has_credits,
                "has_unlimited_credits": credits.unlimited,
                "credit_balance": credits.balance,
                "plan_type": word(r.plan_type),
                "reached_type": word(r.rate_limit_reached_type),
                "is_spend_control_reached": r.spend_control_reached,
                "individual_limit": individual.limit,
                "individual_used": individual.used,
                "individual_remaining_percent": individual.remaining_percent,
                "individual_resets_at": epoch_us(individual.resets_at),
            },
        )


def _tokens(prefix: str, t: s.Tokens | None) -> dict[str, object]:
    if t is None:
        return {}
    return {f"{prefix}_{name}": value for name, value in msgspec.structs.asdict(t).items()}
