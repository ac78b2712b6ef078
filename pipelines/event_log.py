"""Dagster's event log, written fast.

Belongs here: what makes writing a thousand events cheap. Does not belong here: what events mean,
or reading them (the UI and the daemon use Dagster's own class on the same files).

A build of 129 tables writes 1,150 events. Dagster's class opens its database anew for each, builds
and compiles statements again, asks the same questions of the schema, reads back what it has just
written, and as the last connection closes, SQLite folds the write-ahead log back into the file:
7 s of CPU for the run. Here one connection a file stays open for the run, statements are made
once, and what is known is not asked again: 0.8 s. What is stored is the same; a test compares.

Events come in bursts: as a run is planned, and as a step has made its tables. Those of a burst
share a transaction, which ends with it: while a step works, others may write. A kill may cost the
last burst and a power cut the last few, since the log is synced by SQLite's checkpoints; such a
run is found as left over (instance.py), and the file stays whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterEventType, EventLogEntry, EventLogRecord
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.base import AssetEntry, AssetRecord
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import bindparam
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Engine, create_engine
from sqlalchemy.event import listen

# Each of these is followed by another event of its step, or of the plan, without work in between.
_WITHIN_BURSTS = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}

_INSERT_EVENT = SqlEventLogStorageTable.insert()
_INSERT_CHECK = AssetCheckExecutionsTable.insert()
_UPDATE_CHECK = AssetCheckExecutionsTable.update().where(
    *(
        AssetCheckExecutionsTable.c[name] == bindparam(f"planned_{name}")
        for name in ("asset_key", "check_name", "run_id")
    )
)


class KeptOpenEventLog(SqliteEventLogStorage):
    """Dagster's SQLite event log with its databases kept open until `dispose`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._connections: dict[str, Connection] = {}
        self._is_in_burst = False
        self._made: dict[AssetKey, AssetRecord] = {}
        self._true: set[tuple[str, str]] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> KeptOpenEventLog:
        return cls(inst_data=inst_data, **config_value)

    # Connections and transactions.

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            connection = self._connections.get(shard)
            if connection is None:
                connection = self._connections[shard] = self._open(shard)
            if not connection.in_transaction():
                connection.begin()
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            if not self._is_in_burst:
                connection.commit()

    def _open(self, shard: str) -> Connection:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            pool_size=1,
        )
        listen(engine, "connect", _sync_at_checkpoints)
        self._initdb(engine)
        return engine.connect()

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """A run's file gets the tables of the index: Alembic, which Dagster asks, takes 0.1 s."""
        file, index = str(engine.url.database), self.path_for_shard(INDEX_SHARD_NAME)
        if _is_made(file):
            return
        if not _is_made(index):
            super()._initdb(engine, for_index_shard)
            return
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("ATTACH ? AS made", [index])
            connection.execute("BEGIN")
            schema = "SELECT sql FROM made.sqlite_master WHERE name NOT LIKE 'sqlite_%'"
            for (statement,) in connection.execute(schema).fetchall():
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version SELECT * FROM made.alembic_version")
            connection.commit()

    def _commit(self) -> None:
        for connection in self._connections.values():
            connection.commit()

    def dispose(self) -> None:
        self._commit()
        for connection in self._connections.values():
            _close(connection)
        self._connections.clear()
        super().dispose()

    # Writing.

    def store_event(self, event: EventLogEntry) -> None:
        """Into the run's file, and into the index what is asked for across runs."""
        kind = event.dagster_event_type
        self._is_in_burst = kind in _WITHIN_BURSTS
        row = self._event_to_row(event)
        self._insert(event.run_id, row)
        if kind in ASSET_EVENTS:
            self._index_asset(event, row)
        elif kind in ASSET_CHECK_EVENTS:
            self._index_check(event, row)
        elif kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS:
            self._insert(INDEX_SHARD_NAME, row)
        if not self._is_in_burst:
            self._commit()

    def _insert(self, shard: str, row: Mapping[str, Any]) -> int:
        with self._connect(shard) as connection:
            return connection.execute(_INSERT_EVENT, row).lastrowid

    def _index_asset(self, event: EventLogEntry, row: Mapping[str, Any]) -> None:
        event_id = self._insert(INDEX_SHARD_NAME, row)
        values = self._get_asset_entry_values(event, event_id, has_asset_key_index_cols=True)
        with self.index_connection() as connection:
            self._store_asset_event_tags(connection, [event], [event_id])
            if values:
                values["asset_key"] = row["asset_key"]
                connection.execute(_upsert_asset(tuple(values)), values)
        if event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION:
            self._remember_made(event, event_id)

    def _index_check(self, event: EventLogEntry, row: Mapping[str, Any]) -> None:
        event_id = self._insert(INDEX_SHARD_NAME, row)
        found: Any = event.get_dagster_event().event_specific_data
        check = {
            "asset_key": found.asset_key.to_string(),
            "check_name": found.check_name,
            "run_id": event.run_id,
        }
        stored = {
            "evaluation_event": row["event"],
            "evaluation_event_timestamp": row["timestamp"],
            "evaluation_event_storage_id": event_id,
        }
        with self.index_connection() as connection:
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                stored["execution_status"] = "PLANNED"
                connection.execute(_INSERT_CHECK, check | stored)
            else:
                stored["execution_status"] = "SUCCEEDED" if found.passed else "FAILED"
                target = found.target_materialization_data
                stored["materialization_event_storage_id"] = target and target.storage_id
                planned = {f"planned_{name}": value for name, value in check.items()}
                connection.execute(_UPDATE_CHECK, planned | stored)

    # Reading back what was written.

    def _remember_made(self, event: EventLogEntry, event_id: int) -> None:
        key = event.get_dagster_event().asset_key
        assert key is not None
        record = EventLogRecord(storage_id=event_id, event_log_entry=event)
        entry = AssetEntry(asset_key=key, last_materialization_record=record)
        self._made[key] = AssetRecord(storage_id=event_id, asset_entry=entry)

    def get_asset_records(self, asset_keys: Sequence[AssetKey] | None = None) -> list[AssetRecord]:
        """A step asks for all tables that its own rest on, and for its own once they are made."""
        if asset_keys is None:
            return list(super().get_asset_records())
        made = [self._made[key] for key in asset_keys if key in self._made]
        others = [key for key in asset_keys if key not in self._made]
        return [*made, *super().get_asset_records(others)] if others else made

    # What Dagster asks of the schema for each event; what was true once stays so.

    def has_table(self, table_name: str) -> bool:
        return self._remember("table", table_name, super().has_table)

    def has_secondary_index(self, name: str) -> bool:
        return self._remember("index", name, super().has_secondary_index)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        ask = partial(super()._has_asset_key_col_on_connection, conn)
        return self._remember("column", column_name, ask)

    def _remember(self, what: str, name: str, ask: Callable[[str], bool]) -> bool:
        if (what, name) not in self._true and ask(name):
            self._true.add((what, name))
        return (what, name) in self._true

    def delete_events(self, run_id: str) -> None:
        """Forget a run: as Dagster does, and the files and outcomes of checks that it leaves."""
        super().delete_events(run_id)
        with self.index_connection() as connection:
            of_run = AssetCheckExecutionsTable.c.run_id == run_id
            connection.execute(AssetCheckExecutionsTable.delete().where(of_run))
        _close(self._connections.pop(run_id))
        for suffix in ("", "-wal", "-shm"):
            Path(self.path_for_shard(run_id) + suffix).unlink(missing_ok=True)


@cache
def _upsert_asset(columns: tuple[str, ...]) -> sqlite.Insert:
    insert = sqlite.insert(AssetKeyTable)
    return insert.on_conflict_do_update(
        index_elements=["asset_key"], set_={name: insert.excluded[name] for name in columns}
    )


def _is_made(file: str) -> bool:
    """Whether Dagster's tables are there, of which its revision is the last."""
    try:
        with closing(sqlite3.connect(f"{Path(file).as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT 1 FROM alembic_version").fetchall())
    except sqlite3.Error:  # not there, not finished, or damaged: Dagster makes it or says so
        return False


def _close(connection: Connection) -> None:
    connection.close()
    connection.engine.dispose()


def _sync_at_checkpoints(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
