"""A folder of results -> one table, and the faces of a photo as they were read; no photo is opened for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer.batch.folder import MANIFEST, find_parts, read_manifest
from fer.errors import FerError
from fer.results import JOINED_BY, Face

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Finished:
    """What a folder of results says of itself.

    Attributes:
        folder: where it is.
        recipe: how its files were read, as `fer.batch.work.Recipe.to_record` says.
        counts: by kind, "photos" and "videos": how many files it holds, and how many of them could not be read.
        runs: how every run went, the last one last; empty where the only one was killed or is still at work.
        version: changes when its parts do.
    """

    folder: Path
    recipe: Mapping[str, Any]
    counts: Mapping[str, Mapping[str, int]]
    runs: Sequence[Mapping[str, Any]]
    version: tuple[tuple[str, int], ...]

    @property
    def is_complete(self) -> bool:
        """Whether the last run read all that it was to read."""
        return bool(self.runs) and self.runs[-1].get("end") == "complete"

    def faces_of(self, rows: "pd.DataFrame") -> tuple[Face, ...]:
        """The faces of one photo as they were read.

        A table does not hold where they were cut out: the crop of a face is its box here.

        Args:
            rows: of one photo, in the order of its faces; a row without a face is left out.
        """
        classes = tuple(self.recipe["classes"])
        return tuple(_face(row, classes) for row in rows[rows["face"].notna()].to_dict("records"))


def find_finished(folder: Path) -> Finished:
    """Look at a folder of results.

    Raises:
        FerError: it is none, a damaged one, or one of a newer program.
    """
    manifest = read_manifest(folder) if folder.is_dir() else None
    if manifest is None:
        raise FerError(f"{folder} holds no {MANIFEST}; name a FOLDER that `python -m fer batch --out FOLDER` wrote.")
    parts = [part.stat() for part in find_parts(folder, "photo")]
    version = tuple((str(one.st_mtime_ns), one.st_size) for one in parts)
    return Finished(folder, manifest["recipe"], manifest["counts"], manifest["runs"], version)


def read_table(folder: Path) -> "pd.DataFrame":
    """The rows of all photos as one table, by file and face, with the columns of `fer.results.to_table`.

    Raises:
        FerError: a part is damaged, or there is none.
    """
    import pyarrow as pa
    from pyarrow import parquet

    parts = find_parts(folder, "photo")
    if not parts:
        raise FerError(f"{folder} holds no rows of photos yet.")
    tables = []
    for part in parts:
        try:
            tables.append(parquet.read_table(part))
        except (pa.ArrowException, OSError) as error:
            raise FerError(
                f"{part} is damaged; remove it, and the command that wrote the folder reads its files again."
            ) from error
    table = pa.concat_tables(tables).sort_by([("file", "ascending"), ("face", "ascending")])
    return table.to_pandas().astype({"face": "Int64"})


def _face(row: Mapping[str, Any], classes: tuple[str, ...]) -> Face:
    box_xywh = (row["x"], row["y"], row["w"], row["h"])
    face = Face(
        box_xywh,
        box_xywh,
        row["detector_score"],
        np.array([row[name] for name in classes], np.float32),
        classes,
        quality=tuple(row["quality"].split(JOINED_BY)) if row["quality"] else (),
    )
    if not isinstance(row["set"], str):
        return face
    members = len(row["set"].split(JOINED_BY))  # not by name: rounded to equal numbers, two may have changed places
    return replace(face, prediction_set=tuple(name for name, _ in face.ranked()[:members]))
