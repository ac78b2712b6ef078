"""Running the job `nightly` here and now, for `rollhouse build`.

Belongs here: one run in this process, recorded where the UI shows it, and its errors as the
command line knows them. Does not belong here: the stages (warehouse/build.py).
"""

from __future__ import annotations

from functools import partial

from dagster import DagsterError
from dagster._core.errors import DagsterAssetCheckFailedError, DagsterExecutionInterruptedError
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from sqlalchemy.exc import SQLAlchemyError

from pipelines.definitions import make_definitions
from pipelines.instance import open_instance
from pipelines.resources import BUILD
from pipelines.schedules import nightly
from warehouse.build import Build, BuildError, Outcome

_LOCATION, _REPOSITORY = "pipelines.definitions", "__repository__"  # as the UI knows them
# The UI lists a run with the job of the code location that these tags name ...
_TAGS = {
    "dagster/code_location": _LOCATION,
    ".dagster/repository": f"{_REPOSITORY}@{_LOCATION}",
    "rollhouse/started_by": "rollhouse build",
}
# ... shows it in its timeline and can execute it again if this does.
_ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(_LOCATION), _REPOSITORY), nightly.name
)


def run_build(build: Build) -> Outcome:
    """All stages of an entered build, as a run of the job `nightly`.

    Raises what a stage raised; BuildError if a blocking check or Dagster itself failed;
    KeyboardInterrupt on Ctrl-C. The run is marked accordingly.
    """
    definitions = make_definitions(build.models, build.settings.timezone)
    job = definitions.resolve_job_def(nightly.name)
    try:
        with open_instance(build.settings) as instance:
            create_run = partial(instance.create_run_for_job, remote_job_origin=_ORIGIN)
            instance.create_run_for_job = create_run  # type: ignore[method-assign]
            job.execute_in_process(instance=instance, resources={BUILD: build}, tags=_TAGS)
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    except DagsterAssetCheckFailedError:
        build.require_checks()  # says which, without Dagster's traceback
        raise
    except (DagsterError, SQLAlchemyError) as error:
        home = build.settings.home / "dagster"
        if _is_of_full_disk(error):
            raise BuildError(
                f"the disk of {build.settings.home} is full: make room and build again; the last "
                "published warehouse stays as it was"
            ) from error
        first_line = str(error).partition("\n")[0]
        raise BuildError(
            f"Dagster, which records runs in {home}, failed ({type(error).__name__}: "
            f"{first_line}); if it fails again, delete that folder: only the history of runs is "
            "lost"
        ) from error
    return build.outcome


def _is_of_full_disk(error: BaseException) -> bool:
    """Whether SQLite, or what the error came from, found no room."""
    found: list[BaseException] = [error]
    for each in found:  # and all behind it, which may go round in circles
        if "disk is full" in str(each) or "No space left on device" in str(each):
            return True
        behind = (each.__cause__, each.__context__)
        found += [one for one in behind if one is not None and one not in found]
    return False
