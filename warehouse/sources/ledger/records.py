"""Ledger records in any form that people and tools ever wrote, checked field by field.

Belongs here: pydantic models of `GoalRecord` and `AttemptEntryRecord`: which fields there are,
their types, their legacy spellings, and what is wrong with a value. Does not belong here: the
fast way for records in their usual form (shapes.py), and rules that look at more than one
field or record (sql/session/goal_violations.sql).

Only lines that the fast way could not take come here. A value that no column can hold (NaN, a
number of 40 digits) or that says too little (a time without offset, a blank name) is set aside
or completed, and noted as an oddity `field:rule`; any other wrong value rejects its record.
No error quotes a value.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from warehouse.sources.base import FIRST_TIME, LAST_TIME
from warehouse.sources.ledger import shapes as s

Oddities = list[str]
R = TypeVar("R", bound="LedgerRecord")


class Rejected(Exception):
    """A line or record that cannot be used: the rule it breaks, and what is wrong."""

    def __init__(self, rule: str, error: str) -> None:
        super().__init__(error)
        self.rule = rule
        self.error = error


# --- lines ----------------------------------------------------------------------------------------


def load(line: bytes) -> dict[str, Any]:
    """The object that a line holds; NaN and numbers of any size are taken. Raises Rejected."""
    try:
        value = json.loads(line, parse_float=_decimal, parse_int=_integer, parse_constant=_decimal)
    except RecursionError:
        raise Rejected("not_json", "the line is nested too deeply") from None
    except ValueError:
        raise Rejected("not_json", "the line is not JSON (torn or damaged)") from None
    if not isinstance(value, dict):
        raise Rejected("not_an_object", "the line is JSON, but no object")
    return value


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent that not even Decimal can hold
        return Decimal("Infinity")


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= 40 else _decimal(text)


# --- values ---------------------------------------------------------------------------------------


def _number(value: object, info: ValidationInfo) -> Decimal | None:
    """A finite number; None, with an oddity, for one that is not."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("it is no number")
    number = Decimal(value)
    if not number.is_finite():
        _note(info, "not_finite")
        return None
    return number


def _parsed(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("it is no number") from None


def _cost(value: object, info: ValidationInfo) -> Decimal | None:
    cost = _number(value, info)
    if cost is not None and abs(cost) >= s.LIMIT:
        _note(info, "out_of_range")
        return None
    return cost


def _tokens(value: object, info: ValidationInfo) -> int | None:
    number = _number(value, info)
    if number is None:
        return None
    if abs(number) >= s.LIMIT:
        _note(info, "out_of_range")
        return None
    return _whole(number)


def _count(value: object, info: ValidationInfo) -> int:
    """A number of attempts, without which a goal cannot be used."""
    number = _number(value, info)
    if number is None or abs(number) >= s.COUNT_LIMIT:
        raise ValueError("it is out of range")
    return _whole(number)


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise ValueError("it is no whole number")
    return int(number)


def _moment(value: object, info: ValidationInfo) -> str | None:
    """An ISO 8601 time; one without an offset is taken as UTC, with an oddity.

    None, with an oddity, for one at an end of the calendar.
    """
    if not isinstance(value, str):
        raise ValueError("it is no text")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("it is no ISO 8601 time") from None
    has_offset = moment.utcoffset() is not None
    if not has_offset:
        moment = moment.replace(tzinfo=UTC)
    if not FIRST_TIME <= moment < LAST_TIME:
        _note(info, "out_of_range")
        return None
    if not has_offset:
        _note(info, "no_offset")
    return moment.isoformat()


def _name(value: object, info: ValidationInfo) -> str | None:
    """A name as it is written; None, with an oddity, for a blank or long one."""
    if not isinstance(value, str):
        raise ValueError("it is no text")
    if not value.strip():
        _note(info, "blank")
        return None
    if len(value) > s.MAX_NAME_CHARS:
        _note(info, "too_long")
        return None
    return value


def _id(value: object) -> str:
    if not s.is_id(value):
        raise ValueError("it is not made like an id")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, int) or value not in (0, 1):
        raise ValueError("it is neither true nor false")
    return bool(value)


def _note(info: ValidationInfo, rule: str) -> None:
    if info.context is not None:
        info.context.append(f"{info.field_name}:{rule}")


Id = Annotated[str, BeforeValidator(_id)]
Text = Annotated[str | None, BeforeValidator(_name)]
Moment = Annotated[str | None, BeforeValidator(_moment)]
Cost = Annotated[Decimal | None, BeforeValidator(_cost)]
Tokens = Annotated[int | None, BeforeValidator(_tokens)]
Count = Annotated[int, BeforeValidator(_count)]
Flag = Annotated[bool, BeforeValidator(_flag)]


# --- records --------------------------------------------------------------------------------------


class LedgerRecord(BaseModel):
    """What goals and attempt entries have in common."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    goal_id: Id
    status: s.Status
    started_at: Moment = None
    finished_at: Moment = None
    cost_usd: Cost = None
    input_tokens: Tokens = None
    cached_input_tokens: Tokens = None
    output_tokens: Tokens = None
    tokens_total: Tokens = None
    failure_reason: s.FailureReason | None = None
    notes: str | None = None
    agent_name: Text = None
    model: Text = None
    thread_id: Id | None = None

    @model_validator(mode="before")
    @classmethod
    def _spelled_as_today(cls, record: object) -> object:
        if not isinstance(record, dict):
            return record
        record = {
            name: value
            for name, value in record.items()
            if value is not None and not (value == "" and name.endswith(("_id", "_type")))
        }
        for name, spellings in cls.spellings().items():
            for old in spellings:
                if old in record:
                    record.setdefault(name, record[old])
        return record

    @classmethod
    def spellings(cls) -> dict[str, tuple[str, ...]]:
        """Other names that a field went by; its own goes first, then these in their order."""
        return {"thread_id": ("codex_thread_id", "session_id")}


class GoalRecord(LedgerRecord):
    """One tracked goal, as an event puts it."""

    title: str | None = None
    goal_type: s.GoalType = s.DEFAULT_GOAL_TYPE
    supersedes_goal_id: Id | None = None
    attempts: Count
    result_fit: s.ResultFit | None = None

    @classmethod
    def spellings(cls) -> dict[str, tuple[str, ...]]:
        return {
            **super().spellings(),
            "goal_type": ("task_type",),
            "supersedes_goal_id": ("supersedes_task_id",),
        }


class AttemptEntryRecord(LedgerRecord):
    """One attempt at a goal, as an event puts it."""

    entry_id: Id
    entry_type: Id = s.DEFAULT_ENTRY_TYPE
    inferred: Flag = False

    @classmethod
    def spellings(cls) -> dict[str, tuple[str, ...]]:
        return {
            **super().spellings(),
            "goal_id": ("task_id",),
            "entry_type": ("task_type",),
        }


def check(shape: type[R], record: object, oddities: Oddities) -> R:
    """The record as a model; what was set aside is appended to `oddities`. Raises Rejected."""
    if not isinstance(record, dict):
        raise Rejected("not_a_record", "it is no object")
    try:
        return shape.model_validate(record, context=oddities)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    key = "entry_id" if shape is AttemptEntryRecord else "goal_id"
    missing = [str(problem["loc"][0]) for problem in problems if problem["type"] == "missing"]
    if key in missing:
        raise Rejected("no_key", f"{key} is missing")
    if missing:
        raise Rejected("missing_field", f"{missing[0]} is missing")
    problem = problems[0]
    field = problem["loc"][0]
    what = problem["msg"].removeprefix("Value error, ").replace("Input should be", "it is not")
    raise Rejected("bad_value", f"{field}: {what}")


def check_id(value: object, name: str) -> str:
    """An id that stands alone in an event. Raises Rejected."""
    try:
        return _id(value)
    except ValueError as error:
        raise Rejected("bad_value", f"{name}: {error}") from None
