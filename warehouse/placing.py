"""Where lines stand in their own sources, for the lines of a task, which are parsed together.

Belongs here: the numbers and offsets that lines have among all lines of a task, and the way back,
by the column. Does not belong here: reading lines, and what they say.
"""

from __future__ import annotations

from bisect import bisect_right

import pyarrow as pa
import pyarrow.compute as pc

_INT = pa.int64()


class Places:
    """The ranges of a task that have lines, in the order in which they are read.

    A line is of the last range that begins at its number or before; what is to be added to its
    number and offset is the same for all lines of a range.
    """

    def __init__(self, source_ids: list[str]) -> None:
        self.source_ids = pa.array(source_ids, pa.string())  # by range of the task
        self._ranges: list[int] = []
        self._firsts: list[int] = []  # numbers of their first lines
        self._to_number: list[int] = []
        self._to_offset: list[int] = []
        self._next = (1, 0)

    def add(
        self, range_index: int, line_number: int, offset: int, lines: int, size: int
    ) -> tuple[int, int]:
        """Put lines of a range, the first of which stands there in its source, behind all others.

        Gives number and offset of that line among all.
        """
        place = first, start = self._next
        if not self._ranges or self._ranges[-1] != range_index:
            self._ranges.append(range_index)
            self._firsts.append(first)
            self._to_number.append(line_number - first)
            self._to_offset.append(offset - start)
        self._next = first + lines, start + size
        return place

    def put(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Array]:
        """Rows of lines, in order, as they stand in their sources; and the ranges they are of.

        Their first columns are source_id, which is filled in, and line_number.
        """
        schema = batch.schema
        columns = batch.columns
        numbers = columns[1]
        since = bisect_right(self._firsts, numbers[0].as_py()) - 1
        firsts = pa.array(self._firsts[since:], _INT)
        index = pc.subtract(pc.search_sorted(firsts, numbers, side="right"), 1)
        ranges = pa.array(self._ranges[since:], _INT).take(index)
        columns[0] = self.source_ids.take(ranges)
        columns[1] = pc.add(numbers, pa.array(self._to_number[since:], _INT).take(index))
        if schema.names[2] == "byte_offset":
            columns[2] = pc.add(columns[2], pa.array(self._to_offset[since:], _INT).take(index))
        return pa.RecordBatch.from_arrays(columns, schema=schema), ranges
