"""Goals, attempts and retries of whole Codex homes, against a count with plain json.

Belongs here: from rollouts of every age to derived_goals, derived_attempts and
derived_retry_chains. Does not belong here: single rules (tests/sql/derived).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.accounting.building import count, counted
from tests.activity.test_recordings import plain_threads
from tests.helpers import DAY, Codex, line, meta, thread_id, usage
from tests.sources.codex.test_recordings import SCENARIOS
from warehouse.checks import check_across

TABLES = ("derived_goals", "derived_attempts", "derived_retry_chains", "usage", "turns")


def is_agent(lines: list[dict[str, Any]]) -> bool:
    head = lines[0]["payload"]
    return bool(head.get("parent_thread_id")) or isinstance(head.get("source"), dict)


def prompts(lines: list[dict[str, Any]]) -> int:
    """Prompts of a file of our recordings: told by events, those of reviews left out."""
    found, is_reviewing = 0, False
    for entry in lines:
        if entry["type"] != "event_msg":
            continue
        payload = entry["payload"]
        kinds = {payload["type"], payload.get("item", {}).get("type")}
        if kinds & {"entered_review_mode", "EnteredReviewMode"}:
            is_reviewing = True
        elif kinds & {"exited_review_mode", "ExitedReviewMode"}:
            is_reviewing = False
        elif kinds & {"user_message", "UserMessage"}:
            found += not is_reviewing
    return found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_recordings(scenario: str, recordings: Path, tmp_path: Path) -> None:
    home = recordings / scenario / "codex_home"
    threads = {
        thread: prompts(lines)
        for thread, lines in plain_threads(home).items()
        if not is_agent(lines)
    }
    agents = {thread for thread, lines in plain_threads(home).items() if is_agent(lines)}
    with counted(count(tmp_path, home), *TABLES) as connection:
        goals = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT session_id, attempt_count, retry_count, has_retry_pressure "
                "FROM derived_goals"
            ).fetchall()
        }
        assert {thread: goals[thread] for thread in threads} == {
            thread: (n, max(n - 1, 0), n > 1) for thread, n in threads.items()
        }
        assert not agents & goals.keys()
        # nothing is lost or counted twice: goals have all usage, attempts that of users' threads
        used = connection.execute("SELECT count(*), sum(total_tokens) FROM usage").fetchone()
        whole = "SELECT sum(responses), sum(total_tokens) FROM derived_goals"
        assert connection.execute(whole).fetchone() == used
        assert (
            connection.execute("SELECT sum(responses) FROM derived_attempts").fetchone()
            == connection.execute(
                "SELECT sum(responses - agent_responses) FROM derived_goals"
            ).fetchone()
        )
        assert (
            connection.execute(
                "SELECT sum(first_responses + retry_responses) FROM derived_retry_chains"
            ).fetchone()
            == connection.execute("SELECT sum(responses) FROM derived_attempts").fetchone()
        )


def test_a_lost_goal_is_found_by_its_check(recordings: Path, tmp_path: Path) -> None:
    home = recordings / "as_agents_v2" / "codex_home"
    with counted(count(tmp_path, home), *TABLES) as connection:
        (check,) = check_across("derived_goals", connection)
        assert check.passed
        connection.execute("UPDATE derived_goals SET responses = responses - agent_responses")
        (check,) = check_across("derived_goals", connection)
        assert (check.name, check.passed, check.is_blocking) == ("threads_are_goals", False, True)


# --- old formats ----------------------------------------------------------------------------------


def said(role: str, text: str) -> dict[str, Any]:
    kind = "input_text" if role == "user" else "output_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def prompt(text: str, second: int, kind: str = "plain") -> bytes:
    """A user's message as CLIs of 2025-09 write it: the item, and the event."""
    event: dict[str, object] = {"type": "user_message", "message": text, "kind": kind}
    return line("response_item", said("user", text), second) + line("event_msg", event, second)


CONTEXT = "<environment_context>\n<cwd>/w</cwd>\n</environment_context>"


def injected(second: int) -> bytes:
    instructions = "<user_instructions>be brief</user_instructions>"
    return prompt(instructions, second, "user_instructions") + prompt(
        CONTEXT, second, "environment_context"
    )


def attempts_of(codex: Codex, tmp_path: Path) -> dict[str, tuple[Any, ...]]:
    with counted(count(tmp_path / "lake", codex.root), *TABLES) as connection:
        return {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT session_id, turns, attempt_count, retry_count, responses FROM derived_goals"
            ).fetchall()
        }


def test_events_that_carry_injected_context_begin_no_turn(tmp_path: Path) -> None:
    """In 2025-09 and 10 the CLI told its own context by user_message events, too."""
    codex = Codex(tmp_path / "codex")
    first = injected(1) + prompt("do it", 1) + usage(1)
    codex.path(1).write_bytes(meta(1) + first)
    codex.path(2).write_bytes(meta(2) + first + injected(2) + prompt("again", 2) + usage(2))
    codex.path(3).write_bytes(meta(3) + injected(1))
    assert attempts_of(codex, tmp_path) == {
        thread_id(1): (1, 1, 0, 1),
        thread_id(2): (2, 2, 1, 2),
        thread_id(3): (0, 0, 0, 0),
    }


def test_bare_files_and_documents_have_turns(tmp_path: Path) -> None:
    """Before the envelope, prompts stand in response items alone."""
    codex = Codex(tmp_path / "codex")
    head = {"timestamp": f"{DAY}T10:00:00.000Z", "instructions": None}
    items = [
        said("user", CONTEXT),
        said("user", "do it"),
        said("assistant", "ok"),
        said("user", "once more"),
        said("assistant", "ok"),
    ]
    bare = [{"id": thread_id(1), **head}, *items]
    codex.path(1).write_text("".join(json.dumps(each) + "\n" for each in bare))
    document = {"session": {"id": thread_id(2), **head}, "items": items}
    path = codex.sessions / f"rollout-{DAY}-{thread_id(2)}.json"
    path.write_text(json.dumps(document))
    assert attempts_of(codex, tmp_path) == {
        thread_id(1): (2, 2, 1, 0),
        thread_id(2): (2, 2, 1, 0),
    }


def test_copied_prompts_are_those_of_the_source(tmp_path: Path) -> None:
    codex = Codex(tmp_path / "codex")
    history = prompt("one", 1) + usage(1) + prompt("two", 2) + usage(2)
    codex.path(1).write_bytes(meta(1) + history)
    copied = (meta(1) + history).replace(b"T10:00:0", b"T10:30:0")  # written anew by the fork
    codex.path(2).write_bytes(meta(2) + copied + prompt("another way", 40 * 60) + usage(3))
    codex.path(3).write_bytes(meta(3) + copied)
    assert attempts_of(codex, tmp_path) == {
        thread_id(1): (2, 2, 1, 2),
        thread_id(2): (1, 1, 0, 1),
        thread_id(3): (0, 0, 0, 0),
    }


def test_prompts_that_may_be_copied_leave_open_whether_there_were_retries(
    cases: Path, tmp_path: Path
) -> None:
    with counted(count(tmp_path, cases / "15-fork-missing-parent"), *TABLES) as connection:
        (row,) = connection.execute(
            "SELECT attempt_count, retry_count, unplaced_prompts, has_retry_pressure "
            "FROM derived_goals"
        ).fetchall()
    assert row == (1, 0, 2, None)
