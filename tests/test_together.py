"""Jobs that wait for each other: their order, how many run at once, and what ends them early."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.together import run_together

Session = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def sessions() -> Iterator[list[Session]]:
    with duckdb.connect(config={"threads": 1}) as first, first.cursor() as second:
        yield [first, second]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, set[str]]:
    """Jobs of which each waits for some before it, and for names that are no jobs."""
    size = draw(st.integers(0, 12))
    return {
        str(n): {str(m) for m in draw(st.sets(st.integers(0, n - 1)))} | {"no job"} if n else set()
        for n in range(size)
    }


@settings(deadline=None)  # threads wait for the machine
@given(jobs=graphs(), count=st.integers(1, 2))
def test_each_job_runs_once_and_after_what_it_waits_for(
    sessions: list[Session], jobs: dict[str, set[str]], count: int
) -> None:
    finished: list[str] = []
    running: set[str] = set()
    most = 0

    def run(name: str, session: Session) -> None:
        nonlocal most
        running.add(name)
        most = max(most, len(running))
        assert (jobs[name] & jobs.keys()) <= set(finished)
        finished.append(name)
        running.remove(name)

    run_together(jobs, run, sessions[:count])
    assert sorted(finished) == sorted(jobs)
    assert most <= count


def test_two_run_at_the_same_time(sessions: list[Session]) -> None:
    both = threading.Barrier(2, timeout=10)
    used: list[Session] = []

    def run(name: str, session: Session) -> None:
        both.wait()
        used.append(session)

    run_together({"a": set(), "b": set()}, run, sessions)
    assert sorted(map(id, used)) == sorted(map(id, sessions))


def test_one_session_runs_them_in_their_order(sessions: list[Session]) -> None:
    order: list[str] = []
    jobs: dict[str, set[str]] = {"c": set(), "a": {"c"}, "b": set(), "d": set()}
    run_together(jobs, lambda name, session: order.append(name), sessions[:1])
    assert order[:3] == ["c", "b", "d"]
    assert order[3:] == ["a"]


def test_an_error_ends_the_others_and_starts_no_more(sessions: list[Session]) -> None:
    begun = threading.Event()
    ran: list[str] = []

    def run(name: str, session: Session) -> None:
        ran.append(name)
        if name == "long":
            begun.set()
            # far longer than a test may take
            session.execute("SELECT count(*) FROM range(1_000_000_000_000) AS t(n) WHERE n % 7 = 3")
        elif name == "wrong":
            begun.wait(10)
            raise ValueError("it is wrong")

    jobs: dict[str, set[str]] = {"long": set(), "wrong": set(), "later": {"wrong"}}
    with pytest.raises(ValueError, match="it is wrong"):
        run_together(jobs, run, sessions)
    assert sorted(ran) == ["long", "wrong"]
    assert sessions[0].execute("SELECT 42").fetchall() == [(42,)]
