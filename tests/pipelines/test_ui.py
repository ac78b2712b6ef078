"""The Dagster UI as `rollhouse ui` serves it: started, asked, looked at, ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelines.instance import dagster_home, ui_lock
from pipelines.run import run_build
from pipelines.ui import UiError, environment, serve_ui
from warehouse.build import Build
from warehouse.contracts import LAYERS
from warehouse.settings import Settings, load_settings

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
GROUPS = {"sources", *LAYERS, "publish"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_taken_port_is_told_before_anything_starts(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UiError, match=f"port {port} .* --port {port + 1}"):
            serve_ui(settings, port)
    assert not (settings.home / "dagster").exists()


def test_one_home_has_one_ui(settings: Settings) -> None:
    """Two daemons would both start what is due."""
    with ui_lock(dagster_home(settings)), pytest.raises(UiError, match="already running"):
        serve_ui(settings, free_port())


def test_settings_reach_other_processes(
    tmp_path: Path, codex_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = tmp_path / "rates.toml"
    rates.touch()
    source = {"kind": "codex", "path": str(codex_home), "label": "a person's laptop"}
    mine = Settings.model_validate(
        {
            "home": tmp_path / "elsewhere",
            "timezone": "Asia/Tokyo",
            "jobs": 3,
            "memory_limit": "1GB",
            "privacy": "strict",
            "keep_builds": 5,
            "rates_file": rates,
            "sources": [source],
        }
    )
    for name, value in environment(mine).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == mine


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs still; one that merely nobody has waited for does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running_ui() -> Iterator[str]:
    """Its address. Started as a shell starts things in the background: deaf to Ctrl-C."""
    port = free_port()
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "ui", "--port", str(port)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "http" in line:
                break
        assert f"http://127.0.0.1:{port}" in told
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 3  # dev, webserver, daemon, code servers
        yield f"http://127.0.0.1:{port}"
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert process.stdout.read() == "Ending the Dagster UI ...\n"
        assert not [child for child in family if is_alive(child)]
    finally:
        for child in psutil.Process().children(recursive=True):
            child.kill()
        process.wait()


def ask(address: str, query: str, **variables: object) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    assert "errors" not in answer, answer["errors"]
    data: dict[str, Any] = answer["data"]
    return data


LOCATION = """
{ repositoriesOrError { ... on RepositoryConnection { nodes {
    name location { name }
    assetGroups { groupName }
    schedules { name executionTimezone scheduleState { status } }
} } ... on PythonError { message } } }
"""
ASSET = """
query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    groupName description
    metadataEntries { __typename label ... on TableSchemaMetadataEntry {
        schema { columns { name type description } } } }
    assetChecksOrError { ... on AssetChecks { checks {
        name blocking executionForLatestMaterialization { status } } } }
    assetMaterializations(limit: 1) { runId metadataEntries { __typename label
        ... on IntMetadataEntry { intValue } } }
} } }
"""
LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
RUN = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { status jobName
    repositoryOrigin { repositoryName repositoryLocationName } } } }
"""


@pytest.mark.slow
def test_the_ui_shows_what_was_built_and_runs_a_layer(settings: Settings, tmp_path: Path) -> None:
    with Build(settings) as build:
        outcome = run_build(build)
        tables = {model.name: model.table for model in build.models}
    assert outcome.record is not None
    with running_ui() as address:
        (location,) = ask(address, LOCATION)["repositoriesOrError"]["nodes"]
        assert {group["groupName"] for group in location["assetGroups"]} == GROUPS
        assert location["schedules"] == [
            {
                "name": "nightly_build",
                "executionTimezone": "Europe/Berlin",
                "scheduleState": {"status": "RUNNING"},
            }
        ]

        node = ask(address, ASSET, key={"path": ["sessions"]})["assetNodeOrError"]
        assert node["groupName"] == "session"
        assert node["description"].startswith(tables["sessions"].description)
        (schema,) = (e["schema"] for e in node["metadataEntries"] if "schema" in e)
        assert [c["name"] for c in schema["columns"]] == [
            c.name for c in tables["sessions"].columns
        ]
        assert all(column["description"] for column in schema["columns"])
        found = {check["name"]: check for check in node["assetChecksOrError"]["checks"]}
        assert {"key_is_unique", "contract_holds"} <= found.keys()
        for check in found.values():
            assert check["executionForLatestMaterialization"]["status"] == "SUCCEEDED"
        (made,) = node["assetMaterializations"]
        rows = {e["label"]: e.get("intValue") for e in made["metadataEntries"]}
        assert rows["dagster/row_count"] == outcome.record.rows["sessions"]
        run = ask(address, RUN, id=made["runId"])["runOrError"]
        origin = {  # what the timeline shows a run by, and what it is executed again from
            "repositoryName": location["name"],
            "repositoryLocationName": location["location"]["name"],
        }
        assert run == {"status": "SUCCESS", "jobName": "nightly", "repositoryOrigin": origin}

        session_layer = [name for name, table in tables.items() if table.layer == "session"]
        launched = ask(
            address,
            LAUNCH,
            params={
                "mode": "default",
                "selector": {
                    "repositoryName": location["name"],
                    "repositoryLocationName": location["location"]["name"],
                    "jobName": "__ASSET_JOB",
                    "assetSelection": [{"path": [name]} for name in session_layer],
                    "assetCheckSelection": None,
                },
            },
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        deadline = time.monotonic() + 60
        while (status := ask(address, RUN, id=run_id)["runOrError"]["status"]) not in (
            "SUCCESS",
            "FAILURE",
        ):
            assert time.monotonic() < deadline, f"the run is still {status}"
            time.sleep(0.5)
        assert status == "SUCCESS"
        node = ask(address, ASSET, key={"path": ["sessions"]})["assetNodeOrError"]
        assert node["assetMaterializations"][0]["runId"] == run_id

        if CHROMIUM:
            page = dump(f"{address}/asset-groups", tmp_path / "profile")
            assert all(f">{group}<" in page for group in GROUPS)


def dump(address: str, profile: Path) -> str:
    """What a page holds once its scripts have run."""
    chromium = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", f"--user-data-dir={profile}", "--window-size=1600,1000"),
            *("--virtual-time-budget=20000", "--dump-dom", address),
        ],
        capture_output=True,
        timeout=120,
        env={**os.environ, "HOME": str(profile.parent)},
    )
    return chromium.stdout.decode()
