"""Reading the published warehouse: the locked connection, and `rollhouse query`.

Belongs here: opening the live file so that nothing can be changed or read beside it, and
running one statement. Does not belong here: how rows are written (formats.py), and which
questions are asked (overview.py has those of `summary` and `status`).
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, TextIO

import duckdb

from warehouse import formats
from warehouse.builds import database_path
from warehouse.errors import INTERRUPTED, RollhouseError, UsageError
from warehouse.lake import Lake

if TYPE_CHECKING:
    from warehouse.settings import Settings

Format = Literal["table", "json", "csv", "parquet"]

_PATIENCE_SECONDS = 3.0


class QueryError(RollhouseError):
    """The warehouse is not there, or DuckDB refused the statement."""


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The live warehouse, read-only, in the user's timezone, with every other door closed.

    Raises QueryError if nothing is published in this home.
    """
    database = database_path(Lake(settings.home))
    if not database.is_file():
        raise QueryError(
            f"there is no warehouse in {settings.home} yet; make one with `rollhouse build`, or "
            "name the folder that holds one with --home"
        )
    with tempfile.TemporaryDirectory(prefix="rollhouse-query-") as spill:
        try:
            connection = duckdb.connect(
                str(database),
                read_only=True,
                config={
                    # no file, no network, no extension, and no Python variable as a table
                    "enable_external_access": "false",
                    "python_enable_replacements": "false",
                    "memory_limit": settings.memory_limit,
                    "threads": str(settings.jobs),
                    "temp_directory": spill,
                },
            )
        except duckdb.Error as error:
            raise QueryError(
                f"{database} cannot be opened: {error}\nIf it is damaged, `rollhouse build "
                "--verify` makes it anew."
            ) from None
        with connection:
            connection.execute(f"SET TimeZone = '{settings.timezone}'")
            connection.execute("SET lock_configuration = true")
            yield connection


def run_query(settings: Settings, sql: str, form: Format, out: TextIO | None = None) -> None:
    """Run one statement on the published warehouse and write its rows to `out` (stdout).

    Raises UsageError for what is no single statement, QueryError for what DuckDB refuses.
    """
    out = out or sys.stdout
    if not sql.strip():
        raise UsageError('there is no SQL; write it like rollhouse query "SHOW TABLES"')
    try:
        sql.encode()
    except UnicodeEncodeError:  # how Python passes on bytes that are no text
        raise UsageError("the SQL is not UTF-8; save its file as UTF-8") from None
    if form == "parquet" and out.isatty():
        raise UsageError("Parquet is no text: send it to a file, with > result.parquet")
    with open_warehouse(settings) as connection:
        try:
            _check_statement(connection, sql)
            _interruptibly(connection, partial(_write, connection, sql, form, out))
        except formats.UnwritableError as error:
            raise QueryError(str(error)) from None
        except duckdb.Error as error:
            raise QueryError(_explain(error)) from None


def _write(connection: duckdb.DuckDBPyConnection, sql: str, form: Format, out: TextIO) -> None:
    if form == "parquet":
        # a relation streams as Arrow; the result of execute() would be copied whole
        formats.write_parquet(connection.sql(sql), out.buffer)
    else:
        formats.WRITERS[form](formats.Result(connection.execute(sql)), out)


def _interruptibly(connection: duckdb.DuckDBPyConnection, work: Callable[[], None]) -> None:
    """Do the work in a thread, so that Ctrl-C is heard here.

    DuckDB looks for signals between its tasks only, and one task may take forever.
    """
    failures: list[BaseException] = []
    done = threading.Event()  # not join(), which takes the thread for ended after Ctrl-C

    def run() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        done.wait()
    except KeyboardInterrupt:
        connection.interrupt()
        if not done.wait(_PATIENCE_SECONDS):
            os._exit(INTERRUPTED)  # it waits for whoever reads our output, and nothing wakes it
        raise
    for failure in failures:
        raise failure


def _check_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        what = f"these are {len(statements)}" if statements else "there is only a comment"
        raise UsageError(f"one statement is run at a time; {what}")
    if duckdb.ExpectedResultType.QUERY_RESULT not in statements[0].expected_result_type:
        raise QueryError("the warehouse is only read here: ask with SELECT, DESCRIBE or SHOW")


def _explain(error: duckdb.Error) -> str:
    text = str(error).strip()
    if isinstance(error, duckdb.PermissionException):
        return f"{text}\nqueries read the warehouse alone: no files, no network, no extensions"
    if isinstance(error, duckdb.CatalogException) and "Table with name" in text:
        return f'{text}\nrollhouse query "SHOW TABLES" lists the tables'
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"{text}\nthe setting memory_limit allows more"
    return text
