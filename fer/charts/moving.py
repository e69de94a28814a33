"""Charts that move without moving their axes.

Whatever changes from one moment to the next stands in a chart's data and never in its specification, so that a page can
hand on the data alone: the number of people too, who get a lane each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from fer.recording import Sample

MOST_LANES = 3
"""How many people a chart shows; more would be too small to read."""


def chosen_people(people: Sequence[int], history: Sequence[Sample] = ()) -> list[int]:
    """Choose whom the charts show: those in view before those seen last, at most `MOST_LANES`, by number.

    Args:
        people: the numbers of those in view, the most prominent first.
        history: who was seen before, oldest first.
    """
    seen = dict.fromkeys([*people, *(sample.person for sample in reversed(history))])
    return sorted(list(seen)[:MOST_LANES])


@dataclass(frozen=True, eq=False)
class MovingChart:
    """A chart at one moment.

    Attributes:
        specification: Vega-Lite's, the same at every moment; names the tables. Shared: not to be changed.
        tables: by name.
    """

    specification: Mapping[str, object]
    tables: Mapping[str, pa.Table]


def rows_to_table(schema: pa.Schema, rows: Sequence[tuple]) -> pa.Table:
    """Rows in the order of a schema's columns -> a table; there may be none."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema)
