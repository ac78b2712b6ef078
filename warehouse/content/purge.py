"""Removing captured texts.

Belongs here: what `rollhouse purge-content` does. Does not belong here: the command line, and
turning capture off (a setting).
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from warehouse.content.index import ContentFolder, Index, Projects
from warehouse.lake import Lake
from warehouse.privacy import Privacy, load_secret

if TYPE_CHECKING:
    from warehouse.settings import Settings


def purge(settings: Settings, project: str | None = None) -> int:
    """Delete the captured texts of a project, or all; returns how many files were deleted.

    Counts are not touched. Needs no key. While the settings name the project, the next build
    captures its texts again. Raises LakeLockedError while a build runs.
    """
    folder = ContentFolder(settings.home)
    if not folder.root.is_dir():
        return 0
    with Lake(settings.home).lock():
        if project is None:
            number = len(folder.files())
            shutil.rmtree(folder.root)
            return number
        privacy = Privacy(settings.privacy, load_secret(settings.home))
        path = os.path.normpath(os.path.expanduser(project))
        hashed = Projects([], privacy).hash_of(path)
        index = folder.read_index()
        # first the index: should this be interrupted, files without an entry are captured anew
        sources = {
            source_id: entry
            for source_id, entry in index.sources.items()
            if entry.project != hashed
        }
        folder.write_index(Index(key=index.key, projects=index.projects, sources=sources))
        return folder.remove_project(hashed)
