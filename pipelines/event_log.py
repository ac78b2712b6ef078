"""Dagster's event log, written fast.

Belongs here: what makes writing hundreds of events cheap. Does not belong here: what events
mean, or reading them (the UI and the daemon use Dagster's own class on the same files).

A build of 60 tables writes some 700 events. Dagster's class opens its database anew for each
write: every statement is compiled again, the same questions are asked of the schema, and as the
last connection closes, SQLite folds the write-ahead log back into the file. That is 6 s for such a
build, and 20 s where the disk is busy. Here one connection a file stays open for the run, answers
are remembered, and the log is synced by SQLite's checkpoints rather than at every event: 1.4 s on
either. A power cut may lose the last events of a run, which is then found as left over
(instance.py); the file stays whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, create_engine


class KeptOpenEventLog(SqliteEventLogStorage):
    """Dagster's SQLite event log with its databases kept open until `dispose`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._true: set[tuple[str, str]] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> KeptOpenEventLog:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._engines[shard] = self._open(shard)
            with engine.begin() as connection:
                yield connection

    def _open(self, shard: str) -> Engine:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            pool_size=1,
        )
        event.listen(engine, "connect", _sync_at_checkpoints)
        self._initdb(engine)
        return engine

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
        self._engines.pop(run_id).dispose()
        for suffix in ("", "-wal", "-shm"):
            Path(self.path_for_shard(run_id) + suffix).unlink(missing_ok=True)

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _sync_at_checkpoints(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
