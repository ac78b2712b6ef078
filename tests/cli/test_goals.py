"""`rollhouse summary` where there is a ledger: the block for programs and the page for people.

Belongs here: that the command prints them. Does not belong here: that their numbers are right
(tests/ledger).
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Rollhouse, settings_for
from warehouse import overview
from warehouse.build import Build, run
from warehouse.ledger_block import Choice, moment
from warehouse.pages import print_goals
from warehouse.query import open_warehouse
from warehouse.settings import Settings, SourceSetting

Record = dict[str, Any]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real ledger and its block."""
    folder = tmp_path_factory.mktemp("ledger")
    with tarfile.open(ROOT / "tests" / "data" / "ledgers.tar.xz") as packed:
        packed.extraction_filter = tarfile.data_filter
        packed.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def with_ledger(ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home with one ledger and nothing else, published."""
    source = SourceSetting(kind="ledger", path=str(ledger / "mixed.ndjson"), label="ann")
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, timezone="UTC", jobs=1, sources=[source])
    with Build(settings) as build:
        run(build)
    return settings


def page(data: Record) -> str:
    out = io.StringIO()
    print_goals(data, out)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_block_is_the_reference_s_to_the_letter(
    rollhouse: Rollhouse, with_ledger: Settings, ledger: Path
) -> None:
    done = rollhouse("summary", "--home", with_ledger.home, "--json")
    assert done.returncode == 0, done.stderr
    reference = json.loads((ledger / "mixed.summary.json").read_text())["summary"]
    block = json.loads(done.stdout)
    assert block == reference
    assert json.dumps(block) == json.dumps(reference)  # the order of names too


def test_options_choose_goals(rollhouse: Rollhouse, with_ledger: Settings) -> None:
    def closed(*options: str) -> int:
        done = rollhouse("summary", "--home", with_ledger.home, "--json", *options)
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["closed_tasks"])

    everything = closed()
    early = closed("--until", "2026-01-03")
    assert 0 < early < everything
    assert closed("--since", "2026-01-04") == everything - early
    assert closed("--label", "bob") == 0
    assert closed("--label", "ann", "--project", "nowhere") == 0


def test_time_that_is_none(rollhouse: Rollhouse, with_ledger: Settings) -> None:
    done = rollhouse("summary", "--home", with_ledger.home, "--since", "yesterday")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'yesterday' is no day or time" in done.stderr


def test_page(with_ledger: Settings) -> None:
    data = overview.goals(with_ledger)
    assert data is not None
    text = page(data)
    whole = data["summary"]
    assert text.startswith(f"{whole['closed_goals']} closed goals in 1 ledger\n")
    assert f"{whole['successes']} succeeded, {whole['fails']} failed" in text
    (costs,) = [x for x in text.splitlines() if x.startswith("Cost, as the ledger says")]
    assert f"{whole['total_cost_usd_known_goals']} of {whole['closed_goals']} goals" in costs
    assert f"{whole['known_cost_successes']} of {whole['successes']} successes" in costs
    assert "from Codex" not in text  # no thread is known here
    for row in data["by_model"]:
        assert row["model_group"] in text
    for row in data["failure_reasons"]:
        assert row["reason"] in text
    assert f"{data['quality']['exact_fit_goals']} exact" in text
    assert "Label" not in text


def test_page_with_what_codex_knows(with_ledger: Settings) -> None:
    data = overview.goals(with_ledger)
    assert data is not None
    more = {"usage_cost_usd": 3, "usage_cost_goals": 2, "any_cost_successes": 71}
    text = page({**data, "summary": data["summary"] | more})
    (line,) = [x for x in text.splitlines() if x.startswith("Cost, from Codex where it does not")]
    assert "$3.00" in line
    assert "2 goals more" in line
    assert "71 of 114 successes" in line


def test_page_without_closed_goals(with_ledger: Settings) -> None:
    data = overview.goals(with_ledger, Choice(since=moment("2030-01-01", "UTC")))
    assert data is not None
    assert page(data).startswith("0 closed goals in 1 ledger\n")


def test_wrong_records_are_told(with_ledger: Settings) -> None:
    data = overview.goals(with_ledger)
    assert data is not None
    broken = [{"severity": "violation", "rule": "fail_without_reason", "records": 1200}]
    assert "Broken rules: 1,200 fail_without_reason" in page({**data, "violations": broken})


def test_what_is_allowed_is_not_called_broken(with_ledger: Settings) -> None:
    data = overview.goals(with_ledger)
    assert data is not None
    told = [
        {"severity": "notice", "rule": "fork", "records": 2},
        {"severity": "rejected", "rule": "not_json", "records": 1},
    ]
    text = page({**data, "violations": told})
    assert "Broken rules: 1 not_json  (" in text
    assert "Allowed, but odd: 2 fork  (" in text
    assert "Broken" not in page({**data, "violations": told[:1]})


def test_a_choice_of_ledgers_leaves_out_what_is_told_of_the_others(
    ledger: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.ndjson").write_text("no json\n")
    sources = [
        SourceSetting(kind="ledger", path=str(ledger / "small.ndjson"), label="ann"),
        SourceSetting(kind="ledger", path=str(tmp_path / "broken.ndjson"), label="bob"),
    ]
    settings = Settings(home=tmp_path / "home", timezone="UTC", jobs=1, sources=sources)
    with Build(settings) as build:
        run(build)
    told = {
        label: overview.goals(settings, Choice(label=label))
        for label in (None, "ann", "bob", "eve")
    }
    found = {
        label: data
        and (
            len(data["ledgers"]),
            {row["rule"]: row["records"] for row in data["violations"]}.get("not_json", 0),
            bool(data["candidates"]),
            data["summary"]["closed_goals"] > 0,
        )
        for label, data in told.items()
    }
    assert found == {
        None: (2, 1, True, True),
        "ann": (1, 0, True, True),
        "bob": (1, 1, False, False),
        "eve": None,
    }


def test_no_ledger_no_goals(tmp_path: Path) -> None:
    codex = tmp_path / "codex"
    codex.mkdir()
    settings = settings_for(tmp_path / "home", codex)
    with Build(settings) as build:
        run(build)
    assert overview.goals(settings) is None


# --- the sample's ledger --------------------------------------------------------------------------


def test_the_sample_s_goals_keep_all_rules_and_find_their_threads(published: Settings) -> None:
    data = overview.goals(published)
    assert data is not None
    assert all(row["closed_goals"] > 0 for row in data["by_goal_type"])
    assert data["violations"] == []
    assert data["summary"]["usage_cost_goals"] > 0
    with open_warehouse(published) as connection:
        named = connection.execute(
            "SELECT goal_id, thread_id FROM goals WHERE thread_id IS NOT NULL UNION "
            "SELECT goal_id, thread_id FROM attempts WHERE thread_id IS NOT NULL"
        ).fetchall()
        linked = connection.execute(
            "SELECT goal_id, session_id FROM goal_threads WHERE confidence = 'certain'"
        ).fetchall()
        shares = connection.execute(
            "SELECT count(*), sum(share) FROM goal_threads GROUP BY session_id"
        ).fetchall()
    assert set(named) <= set(linked)
    assert len(linked) > len(named)  # sub-agents of named threads
    assert any(goals > 1 for goals, _ in shares)
    assert [share for _, share in shares] == [pytest.approx(1.0)] * len(shares)


def test_summary_of_the_sample_shows_its_goals(rollhouse: Rollhouse, published: Settings) -> None:
    done = rollhouse("summary", "--home", published.home)
    assert done.returncode == 0, done.stderr
    assert "closed goals in 1 ledger" in done.stdout
    assert "Cost, from Codex where it does not" in done.stdout
