"""Names and paths -> data sets: which ones are known, where they are looked for, and what to do with bad rows.

Knows nothing about networks or pages.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from fer import paths
from fer.datasets.cache import open_cached, state_of, write_cache
from fer.datasets.dataset import ALL, FaceDataset
from fer.datasets.ferplus import FERPLUS, VOTES_FILE, VOTES_ORIGIN, by_majority, load_votes, with_votes
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError

OnBadRows = Literal["raise", "skip"]
FaceKind = Literal["everyday", "posed"]
Progress = Callable[[float], None]

_log = logging.getLogger(__name__)
_one_reads = threading.Lock()  # two visitors with one file would need twice the memory for the same cache


@dataclass(frozen=True)
class KnownDataset:
    """A data set that has a name here.

    Attributes:
        name: as used on the command line, in cards and in stamps.
        title: for people.
        file_name: what its file is called where it is downloaded.
        origin: where that is, as the end of a sentence.
        published: how many faces each class has there, by split; by "all" where no split is official.
        terms: on which terms it is given out, after its title and a colon.
        faces: "everyday" photos as people put them on the web, or "posed" in front of a camera in a studio.
    """

    name: str
    title: str
    file_name: str
    origin: str
    published: Mapping[str, Mapping[str, int]]
    terms: str
    faces: FaceKind


def _by_class(*counts: int) -> Mapping[str, int]:
    """Counts in the order of the codes 0-7."""
    return MappingProxyType(dict(zip(EMOTIONS_WITH_CONTEMPT, counts, strict=False)))


DATASETS: Mapping[str, KnownDataset] = MappingProxyType(
    {
        known.name: known
        for known in (
            KnownDataset(
                "fer2013",
                "FER2013",
                "fer2013.csv",
                'the Kaggle competition "Challenges in Representation Learning: Facial Expression Recognition '
                'Challenge" (kaggle.com)',
                {
                    "Training": _by_class(3995, 436, 4097, 7215, 4830, 3171, 4965),
                    "PublicTest": _by_class(467, 56, 496, 895, 653, 415, 607),
                    "PrivateTest": _by_class(491, 55, 528, 879, 594, 416, 626),
                },
                "photos from a web search, put together for a research competition; their owners gave no licence",
                "everyday",
            ),
            KnownDataset(
                "ckplus",
                "CK+",
                "ckextended.csv",
                'the Kaggle data set "CK+ Dataset" by davilsena (kaggle.com)',
                {ALL: _by_class(45, 59, 25, 69, 28, 83, 593, 18)},
                "recordings that their makers give out for research, by an agreement",
                "posed",
            ),
            KnownDataset(
                FERPLUS,
                "FER+",
                VOTES_FILE,
                f"{VOTES_ORIGIN}, beside fer2013.csv, whose faces it labels anew",
                {"PrivateTest": _by_class(269, 16, 86, 892, 382, 394, 1083, 15)},
                "votes on FER2013's photos, for which its terms hold",
                "everyday",
            ),
        )
    }
)


def data_title(name: str) -> str:
    """What to call a data set for people, known or not."""
    return DATASETS[name].title if name in DATASETS else name


def data_terms(names: Iterable[str]) -> str:
    """On which terms data sets are given out, for people; each is named once, in the order of `DATASETS`.

    Args:
        names: of data sets, known or not.
    """
    named = set(names)
    told = [f"{known.title}: {known.terms}" for known in DATASETS.values() if known.name in named]
    return (
        ". ".join([*told, *(f"{name}: as whoever it belongs to says" for name in sorted(named - set(DATASETS)))]) + "."
    )


def load_dataset(
    name_or_path: str | Path,
    on_bad_rows: OnBadRows = "raise",
    progress: Progress | None = None,
    path: Path | None = None,
) -> FaceDataset:
    """Load a data set: from its file the first time, from the array cache while the file stays as it is.

    Args:
        name_or_path: a name of `DATASETS`, which is looked for on the search path, or a path, which the data set is
            named after: a CSV file in FER2013's layout, or a folder of pictures with a sub-folder for every class.
        on_bad_rows: "raise" accepts no row that breaks a rule, "skip" leaves them out and lists them in `bad_rows`.
        progress: called with the share that is done, in [0, 1], while a file is read; what it raises ends the reading.
        path: the file or folder of the named data set, instead of looking for it.

    Returns:
        Every good row.

    Raises:
        DatasetError: there is no such file or folder, it breaks the rules of its format, or a row does and may not.

    Examples:
        >>> import tempfile
        >>> pixels = " ".join(["128"] * 48 * 48)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "mine.csv")
        ...     _ = file.write_text(f"emotion,pixels,Usage\\n3,{pixels},Training\\n6,{pixels},PublicTest\\n")
        ...     faces = load_dataset(file)
        >>> faces.name, faces.images.shape, [faces.classes[label] for label in faces.labels]
        ('mine', (2, 48, 48), ['happy', 'neutral'])
    """
    if path is not None:
        name = str(name_or_path)
    else:
        name, path = _find(name_or_path)
    if not (path.is_file() or path.is_dir()):
        raise DatasetError(
            f"There is no file {path}; give the path of a CSV file in FER2013's layout, or of a folder of pictures."
        )
    if name == FERPLUS:
        return _open_ferplus(path, progress)
    dataset = _open_folder(path, name, progress) if path.is_dir() else _open_file(path, name, progress)
    if dataset.bad_rows and on_bad_rows == "raise":
        more = len(dataset.bad_rows) - 1
        rest = f"; {more} more {'row breaks' if more == 1 else 'rows break'} a rule" if more else ""
        raise DatasetError(
            f"In {path.name}, {dataset.bad_rows[0].reason}{rest}. Repair the file, or load it without its bad rows."
        )
    return dataset


def _find(name_or_path: str | Path) -> tuple[str, Path]:
    known = DATASETS.get(str(name_or_path))
    if known is None:
        path = paths.expanded(name_or_path)
        of_file = {known.file_name: known.name for known in DATASETS.values()}
        if not str(name_or_path) or not (path.is_file() or path.is_dir()):
            raise DatasetError(
                f"{name_or_path} is neither a file nor a known data set; known are {', '.join(DATASETS)}."
            )
        return of_file.get(path.name, path.resolve().name if path.is_dir() else path.stem), path
    found = paths.find_data_file(known.file_name)
    if found is None:
        raise DatasetError(
            f"{known.file_name} was not found in {', '.join(map(str, paths.data_dirs()))}. "
            f"Download it from {known.origin} and put it there, or set FER_DATA_DIR to its folder."
        )
    return known.name, found


def _open_file(path: Path, name: str, progress: Progress | None) -> FaceDataset:
    def read() -> FaceDataset:
        from fer.datasets.pixel_csv import read_pixel_csv  # pyarrow takes a moment to import, and a cache needs none

        return read_pixel_csv(path, name, progress)

    return _open(path, name, state_of(path), read)


def _open_folder(path: Path, name: str, progress: Progress | None) -> FaceDataset:
    from fer.datasets.folders import list_folder, read_folder  # OpenCV and the decoders take a moment, too

    listing = list_folder(path)
    return _open(path, name, listing.state, lambda: read_folder(path, name, listing, progress))


def _open_ferplus(path: Path, progress: Progress | None) -> FaceDataset:
    """Label FER2013's faces by the votes of a file."""
    faces = DATASETS["fer2013"]
    beside = path.parent / faces.file_name
    file = beside if beside.is_file() else paths.find_data_file(faces.file_name)
    if file is None:
        raise DatasetError(f"{path.name} labels the faces of {faces.file_name}; put that file beside it.")
    dataset = _open_file(file, faces.name, progress)
    return replace(by_majority(with_votes(dataset, load_votes(path, dataset))), source=path)


def _open(path: Path, name: str, state: str, read: Callable[[], FaceDataset]) -> FaceDataset:
    """Open the cache of this state, or read and cache it."""
    dataset = open_cached(path, name, state)
    if dataset is not None:
        return dataset
    with _one_reads:
        dataset = open_cached(path, name, state)  # somebody may have written it while this one waited
        return _read_and_cache(path, name, state, read) if dataset is None else dataset


def _read_and_cache(path: Path, name: str, state: str, read: Callable[[], FaceDataset]) -> FaceDataset:
    dataset = read()
    try:
        write_cache(dataset, state)
    except OSError as error:
        _log.warning("The arrays of %s could not be cached: %s", path, error)
        return dataset
    cached = open_cached(path, name, state)
    return dataset if cached is None else cached
