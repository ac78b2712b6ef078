"""Columns of goals, attempts and retry chains as the history tells them.

Belongs here: what columns of derived_goals, derived_attempts and derived_retry_chains mean.
Does not belong here: goals and attempts that a ledger records (ledger.py).
"""

from __future__ import annotations

from warehouse.contracts.base import Column
from warehouse.contracts.common import TIMESTAMPTZ

_STATUS = (
    "completed, failed, aborted, open (no end was written), unknown (the CLI wrote no ends yet), "
    "or steered (the user added a prompt while it ran)"
)
_NOT_COUNTABLE = "the thread's own file is gone, or no user prompts it (subagent_kind says so)"


def _sums(prefix: str, whose: str) -> tuple[Column, ...]:
    """Responses, and tokens and cost with what they cover."""
    return (
        Column(f"{prefix}_responses", "BIGINT", f"Responses of {whose}"),
        Column(f"{prefix}_total_tokens", "BIGINT", f"Tokens of {whose}", "no usage", "tokens"),
        Column(
            f"{prefix}_total_tokens_covered_responses",
            "BIGINT",
            f"Responses in the tokens of {whose}",
        ),
        Column(f"{prefix}_cost_usd", "DECIMAL(18,9)", f"Cost of {whose}", "no price", "USD"),
        Column(f"{prefix}_cost_covered_responses", "BIGINT", f"Responses in the cost of {whose}"),
    )


COLUMNS: tuple[Column, ...] = (
    Column("attempt_index", "BIGINT", "Number of the prompt in its thread, from 1"),
    Column("is_retry", "BOOLEAN", "Whether it is not the thread's first prompt"),
    Column("is_steer", "BOOLEAN", "Whether the prompt was added to a turn that ran already"),
    Column("prompted_at", TIMESTAMPTZ, "When the prompt was recorded", null="not readable"),
    Column("attempt_status", "VARCHAR", f"How its last turn ended: {_STATUS}"),
    Column("attempt_count", "BIGINT", "Prompts that users gave the thread"),
    Column("retry_count", "BIGINT", "Prompts after the first one"),
    Column("has_retry_pressure", "BOOLEAN", "Whether users had to ask more than once"),
    Column("user_turns", "BIGINT", "Turns that have a prompt"),
    Column("aborted_attempts", "BIGINT", "Attempts whose last turn was aborted"),
    Column("failed_attempts", "BIGINT", "Attempts whose last turn failed"),
    Column("first_prompted_at", TIMESTAMPTZ, "First prompt", null="not readable"),
    Column("last_prompted_at", TIMESTAMPTZ, "Last prompt", null="not readable"),
    Column("first_attempt_status", "VARCHAR", f"How the first attempt ended: {_STATUS}"),
    Column("last_attempt_status", "VARCHAR", f"How the last attempt ended: {_STATUS}"),
    Column(
        "unplaced_prompts",
        "BIGINT",
        "Prompts of which it cannot be known whether they are the thread's own or copied: not "
        "counted as attempts",
        null=_NOT_COUNTABLE,
    ),
    *_sums("first", "the first attempt"),
    *_sums("retry", "all attempts after the first"),
    *_sums("agent", "the sub-agents"),
)

_STEERS = Column("steers", "BIGINT", "Prompts that were added to running turns")

LOCAL_COLUMNS: dict[str, tuple[Column, ...]] = {
    "derived_attempts": (
        Column(
            "ended_at",
            TIMESTAMPTZ,
            "Its last turn's end, or when the next prompt steered it",
            "not said",
        ),
        Column("turns", "BIGINT", "Turns up to the next prompt; an added prompt begins none"),
    ),
    "derived_retry_chains": (_STEERS,),
    "derived_goals": (
        Column("session_id", "VARCHAR", "The root thread"),
        Column("agents", "BIGINT", "Sub-agents below, at any depth"),
        Column("turns", "BIGINT", "The thread's own turns", null="its own file is gone"),
        Column("user_turns", "BIGINT", "Turns that have a prompt", null=_NOT_COUNTABLE),
        Column("attempt_count", "BIGINT", "Prompts that users gave it", null=_NOT_COUNTABLE),
        Column("retry_count", "BIGINT", "Prompts after the first one", null=_NOT_COUNTABLE),
        Column(
            "has_retry_pressure",
            "BOOLEAN",
            "Whether users had to ask more than once",
            null=f"unplaced prompts leave it open, or {_NOT_COUNTABLE}",
        ),
        Column("steers", "BIGINT", _STEERS.meaning, null=_NOT_COUNTABLE),
        Column(
            "last_attempt_status",
            "VARCHAR",
            f"How the last attempt ended: {_STATUS}",
            null=f"there is none, or {_NOT_COUNTABLE}",
        ),
        Column("first_seen_at", TIMESTAMPTZ, "First sign of it or an agent", "no readable time"),
        Column("last_seen_at", TIMESTAMPTZ, "Last sign of it or an agent", "no readable time"),
        *(
            Column(name, kind, f"{what} of the thread and all agents below it", null, unit)
            for name, kind, what, null, unit in (
                ("responses", "BIGINT", "Responses", "", ""),
                ("total_tokens", "BIGINT", "Tokens", "no usage", "tokens"),
                ("total_tokens_covered_responses", "BIGINT", "Responses in the tokens", "", ""),
                ("cost_usd", "DECIMAL(18,9)", "Cost", "no price is known", "USD"),
                ("cost_covered_responses", "BIGINT", "Responses in the cost", "", ""),
            )
        ),
    ),
}
