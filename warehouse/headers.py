"""What a SQL model says of itself: the YAML in the comment that its file begins with.

Belongs here: the header's form, and where in the file each of its entries stands, so that
errors can name the line. Does not belong here: the SELECT below it (models.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from warehouse.contracts import meanings
from warehouse.errors import RollhouseError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# libyaml's twin of the loader, where PyYAML has it: some seventy headers a build
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT = re.compile(r"\s*/\*(.*?)\*/\s*", re.DOTALL)


class ModelError(RollhouseError):
    """A model is wrong; the message names file, line and what to change."""


def _phrase(text: str) -> str:
    """One line without a full stop, as in contracts."""
    return " ".join(text.split()).removesuffix(".")


class Coverage(BaseModel):
    """A value and its denominators: 0 <= covered <= total, value NULL iff covered = 0."""

    model_config = ConfigDict(extra="forbid")

    value: str
    covered: str
    total: str


class Header(BaseModel):
    """The entries of a header.

    An `internal` model is a step on the way: not published, sorted, checked or documented.
    """

    model_config = ConfigDict(extra="forbid")

    description: Annotated[str, AfterValidator(_phrase)]
    grain: Annotated[str, AfterValidator(_phrase)]
    key: list[str]
    columns: list[str]
    scope: Literal["session", "family", "global"]
    sort: list[str] = []
    coverage: list[Coverage] = []
    internal: bool = False


@dataclass(frozen=True)
class Places:
    """Where in a model's file the entries of its header and its SELECT stand."""

    path: Path
    first_line: int  # of the YAML
    root: yaml.MappingNode
    select_line: int

    def entry(self, *steps: int | str) -> str:
        """`<file>, line <n>` of an entry, or of the nearest one around it."""
        node: yaml.Node = self.root
        mark = node.start_mark
        for step in steps:
            if isinstance(node, yaml.MappingNode):
                found = [(key, value) for key, value in node.value if key.value == step]
                if not found:
                    break
                mark, node = found[0][0].start_mark, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
                mark = node.start_mark
        return f"{self.path}, line {self.first_line + mark.line}"

    def select(self, line: int = 0) -> str:
        """`<file>, line <n>` of a line of the SELECT, the first of which is 0."""
        return f"{self.path}, line {self.select_line + line}"


def read_model(path: Path) -> tuple[Header, str, Places]:
    """The header of a model's file, its SELECT, and where they stand. Raises ModelError."""
    text = path.read_text(encoding="utf-8")
    comment = _COMMENT.match(text)
    if comment is None:
        raise ModelError(f"{path}, line 1: a model begins with a comment /* ... */ that holds YAML")
    first_line = text[: comment.start(1)].count("\n") + 1
    loader = _Loader(comment.group(1))
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            known = ", ".join(Header.model_fields)
            raise ModelError(
                f"{path}, line {first_line}: the header holds no entries such as {known}"
            )
        content = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = first_line + (error.problem_mark.line if error.problem_mark else 0)
        raise ModelError(f"{path}, line {line}: the header is not YAML: {error.problem}") from None
    places = Places(path, first_line, root, text[: comment.end()].count("\n") + 1)
    try:
        header = Header.model_validate(content)
    except ValidationError as error:
        raise ModelError("; ".join(_explain(each, places) for each in error.errors())) from None
    _check_names(header, places)
    return header, text[comment.end() :].rstrip().removesuffix(";").rstrip(), places


def _explain(problem: ErrorDetails, places: Places) -> str:
    entry = ".".join(str(step) for step in problem["loc"])
    message = problem["msg"]
    if problem["type"] == "extra_forbidden":
        message = f"there is no such entry; known are {', '.join(Header.model_fields)}"
    return f"{places.entry(*problem['loc'])}: {entry}: {message}"


def _check_names(header: Header, places: Places) -> None:
    """All columns are described in a contract; all that is said is said of these columns."""
    for index, name in enumerate(header.columns):
        if name not in meanings(places.path.stem):
            raise ModelError(
                f"{places.entry('columns', index)}: no contract describes the column {name}; "
                "describe it in warehouse/contracts"
            )
        if name in header.columns[:index]:
            raise ModelError(f"{places.entry('columns', index)}: {name} is named twice")
    named: list[tuple[tuple[str | int, ...], str]] = [
        *((("key", index), name) for index, name in enumerate(header.key)),
        *((("sort", index), name.split()[0]) for index, name in enumerate(header.sort)),
        *(
            (("coverage", index, part), name)
            for index, coverage in enumerate(header.coverage)
            for part, name in coverage
        ),
    ]
    for steps, name in named:
        if name not in header.columns:
            raise ModelError(f"{places.entry(*steps)}: {steps[0]} names {name}, which is no column")
