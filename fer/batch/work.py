"""Some files -> their rows: what one worker does, the same whatever engine runs it.

A worker opens the network once, reads files ahead, and puts the faces of several photos into one batch. A file that
cannot be read, or at which the program fails, becomes a row that says so. Knows nothing about processes, clusters or
where the rows go.
"""

import errno
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np

from fer import __version__, paths
from fer.batch.sources import Item, Kind
from fer.crops import Crops
from fer.detection import LIVE_SIDES, load_detector
from fer.errors import FerError
from fer.evaluation.report import load_report
from fer.export import WORDS, annotated_png, distinct_stems
from fer.files import part_in, replace_file
from fer.media import decode_image
from fer.pipeline import FacePipeline, Settings
from fer.recognition import REPORT_FILE, load_model, network_digest
from fer.results import FrameResult, PhotoResult, Reader, to_table
from fer.video.formats import PICTURE_ENDING
from fer.video.looking import VideoOptions, VideoResult, watch_video

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 32
"""How many photos a worker is given at once."""

ANNOTATED = "annotated"
"""The folder, in that of the results, which takes annotated pictures and videos."""

_READ_AHEAD = 4
_READERS = 2
_FACES_TOGETHER = 64
_HELD_BYTES = 64_000_000
"""Pictures that wait for their faces to be read, before they are drawn."""


@dataclass(frozen=True)
class Recipe:
    """How files are read: equal recipes give equal rows.

    Attributes:
        photos, videos: how each is read; by one model and one detector.
        rate: looks a second at videos; None looks at every frame.
        annotate: annotated pictures and videos are written as well.
    """

    photos: Settings = field(default_factory=lambda: Settings(averaging="flip"))
    videos: Settings = field(default_factory=lambda: Settings(long_sides=LIVE_SIDES))
    rate: float | None = None
    annotate: bool = False

    def __post_init__(self) -> None:
        if (self.photos.model, self.photos.detector) != (self.videos.model, self.videos.detector):
            raise ValueError("Photos and videos must be read by one model and one detector.")

    def to_record(self) -> dict[str, Any]:
        """The recipe with everything that its rows depend on, as plain values: version, detector, digests.

        Raises:
            FerError: the model is missing or damaged, or the detector cannot run here.
        """
        reader = self.load(threads=1).photos.reader
        folder = paths.find_models()[self.photos.model]
        report = folder / REPORT_FILE
        return {
            "fer": __version__,
            "model": self.photos.model,
            "network": network_digest(folder),
            "report": hashlib.sha256(report.read_bytes()).hexdigest() if report.exists() else None,
            "detector": reader.detector,
            "classes": list(reader.classes),
            "target": reader.target,
            "photos": _plain(self.photos),
            "videos": _plain(self.videos) | {"rate": self.rate, "half_life_s": VideoOptions().half_life_s},
            "annotate": self.annotate,
        }

    def stamps(self) -> list[dict[str, Any]]:
        """Under which protocols the model was measured, as plain values.

        Raises:
            ModelError: the model is damaged.
        """
        report = load_report(paths.find_models()[self.photos.model])
        return [evaluation.stamp.to_dict() for evaluation in report.evaluations]

    def load(self, threads: int = 0) -> "Pipelines":
        """Open the model and the detector; `threads` as for `fer.onnx_session.open_session`.

        Raises:
            FerError: the model is missing or damaged, or the detector cannot run here.
        """
        model = load_model(self.photos.model, threads=threads)
        detector = load_detector(self.photos.detector, threads)
        return Pipelines(self.photos.assemble(model, detector), self.videos.assemble(model, detector))


def _plain(settings: Settings) -> dict[str, Any]:
    record = asdict(settings) | {"long_sides": list(settings.long_sides)}
    return {name: value for name, value in record.items() if name not in ("model", "detector")}


@dataclass(frozen=True)
class Pipelines:
    """What reads photos, and what reads videos."""

    photos: FacePipeline
    videos: FacePipeline


@dataclass(frozen=True)
class Chunk:
    """What a worker is given at once: photos, or one video."""

    items: tuple[Item, ...]

    @property
    def kind(self) -> Kind:
        return self.items[0].kind


@dataclass(frozen=True)
class Failure:
    """A file that could not be read, and the sentence that says why."""

    file: str
    error: str


@dataclass(frozen=True)
class Done:
    """What became of a chunk.

    Attributes:
        kind: what its files are.
        files: their names, in order.
        rows: a table in Arrow's stream format: of photos `photo_schema`, of videos `video_schema`.
        failures: those files that could not be read; they have a row as well.
        faces: how many faces were read.
        video_s: how many seconds of video were read.
    """

    kind: Kind
    files: tuple[str, ...]
    rows: bytes
    failures: tuple[Failure, ...]
    faces: int
    video_s: float = 0.0


def make_chunks(items: Sequence[Item], size: int = CHUNK) -> list[Chunk]:
    """Part files into what workers are given at once: videos first, since one may take as long as all photos."""
    photos = [item for item in items if item.kind == "photo"]
    videos = [Chunk((item,)) for item in items if item.kind == "video"]
    return videos + [Chunk(tuple(photos[i : i + size])) for i in range(0, len(photos), size)]


@cache
def photo_schema(reader: Reader) -> "pa.Schema":
    """The columns of `fer.results.to_table` with their types, the same for all photos that one reader reads."""
    return _schema(to_table([PhotoResult("", reader, error="")]))


@cache
def video_schema(reader: Reader) -> "pa.Schema":
    """The file, the columns of `fer.video.timeline.Timeline.to_table`, and: model, detector, error, warning."""
    from fer.video.timeline import TimelineBuilder

    return _schema(_with_reader(TimelineBuilder(reader.classes).build().to_table(), "", reader, None, None))


def _with_reader(table: Any, file: str, reader: Reader, error: str | None, warning: str | None) -> Any:
    table.insert(0, "file", file)
    return table.assign(model=reader.model, detector=reader.detector, error=error, warning=warning)


def _schema(table: Any) -> "pa.Schema":
    import pyarrow as pa

    words = [name for name in (*WORDS, "warning") if name in table]
    schema = pa.Schema.from_pandas(table.astype(dict.fromkeys(words, "str")), preserve_index=False)
    plain = [pa.field(one.name, pa.string() if pa.types.is_large_string(one.type) else one.type) for one in schema]
    return pa.schema(plain)


def failed_rows(kind: Kind, failures: Sequence[Failure], reader: Reader) -> Done:
    """The rows of files that could not be read at all."""
    rows = [
        {"file": one.file, "model": reader.model, "detector": reader.detector, "error": one.error} for one in failures
    ]
    return Done(kind, tuple(one.file for one in failures), _packed_rows(kind, rows, reader), tuple(failures), 0)


def _packed_rows(kind: Kind, rows: list[dict], reader: Reader) -> bytes:
    import pyarrow as pa

    return _packed(pa.Table.from_pylist(rows, photo_schema(reader) if kind == "photo" else video_schema(reader)))


def _packed(table: "pa.Table") -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def unpacked(rows: bytes) -> "pa.Table":
    """The table of `Done.rows`."""
    import pyarrow as pa

    return pa.ipc.open_stream(rows).read_all()


class Worker:
    """Reads chunks, one after the other; for one thread."""

    def __init__(self, recipe: Recipe, out: Path, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Open what reads, to work on one core.

        Args:
            recipe: how files are read.
            out: the folder of the results, where annotated pictures go.
            is_stopped: asked now and then; True ends a chunk early.

        Raises:
            FerError: the model is missing or damaged, or the detector cannot run here.
        """
        cv2.setNumThreads(1)
        self._recipe, self._is_stopped = recipe, is_stopped
        self._annotated = out / ANNOTATED if recipe.annotate else None
        self._pipelines = recipe.load(threads=1)
        self._readers = ThreadPoolExecutor(_READERS, "read ahead")

    @property
    def reader(self) -> Reader:
        """Who reads the photos, and, but for averaging, the videos."""
        return self._pipelines.photos.reader

    def work(self, chunk: Chunk) -> Done | None:
        """Read a chunk; None where it was stopped.

        Raises:
            OSError: the disk is full.
        """
        if self._annotated is not None:
            self._annotated.mkdir(parents=True, exist_ok=True)
        return self._photos(chunk) if chunk.kind == "photo" else self._video(chunk.items[0])

    def _photos(self, chunk: Chunk) -> Done | None:
        import pyarrow as pa

        pipeline = self._pipelines.photos
        results: dict[str, PhotoResult] = {}
        waiting: list[tuple[Item, Crops, np.ndarray | None]] = []
        faces = held = 0
        for item, data in self._ahead(chunk.items):
            if self._is_stopped():
                return None
            try:
                image_bgr = decode_image(data(), item.file)
                crops = pipeline.cut(image_bgr, pipeline.detect(image_bgr))
            except Exception as error:
                results[item.file] = PhotoResult(item.file, self.reader, error=_sentence(item, error))
                continue
            waiting.append((item, crops, None if self._annotated is None else image_bgr))
            faces += len(crops)
            held += 0 if self._annotated is None else image_bgr.nbytes
            if faces >= _FACES_TOGETHER or held > _HELD_BYTES:
                self._read_waiting(waiting, results)
                faces = held = 0
        self._read_waiting(waiting, results)
        photos = [results[item.file] for item in chunk.items]
        table = to_table(photos).astype(dict.fromkeys(WORDS, "str"))
        return Done(
            "photo",
            tuple(photo.file for photo in photos),
            _packed(pa.Table.from_pandas(table, photo_schema(self.reader), preserve_index=False)),
            tuple(Failure(photo.file, photo.error) for photo in photos if photo.error is not None),
            sum(len(photo.faces) for photo in photos),
        )

    def _read_waiting(
        self, waiting: list[tuple[Item, Crops, np.ndarray | None]], results: dict[str, PhotoResult]
    ) -> None:
        """Read the faces of all photos that wait, in one batch."""
        try:
            read = self._pipelines.photos.read([crops for _, crops, _ in waiting])
        except Exception as error:  # nobody knows whose face it was: one by one then, unless it is one already
            if len(waiting) == 1:
                (item, _, _) = waiting.pop()
                results[item.file] = PhotoResult(item.file, self.reader, error=_sentence(item, error))
                return
            for one in waiting:
                self._read_waiting([one], results)
            waiting.clear()
            return
        for (item, crops, image_bgr), faces in zip(waiting, read, strict=True):
            photo = PhotoResult(item.file, self.reader, result=FrameResult(*crops.size_wh, faces, self.reader))
            try:
                if self._annotated is not None and image_bgr is not None:
                    replace_file(self._annotated / annotated_name(item), annotated_png(image_bgr, photo))
            except Exception as error:
                photo = PhotoResult(item.file, self.reader, error=_sentence(item, error))
            results[item.file] = photo
        waiting.clear()

    def _ahead(self, items: Sequence[Item]) -> Iterator[tuple[Item, Callable[[], bytes]]]:
        """Every file with what gives its bytes; a few are read before they are asked for."""
        asked: deque[tuple[Item, Future[bytes]]] = deque()
        for item in items:
            asked.append((item, self._readers.submit(item.read)))
            if len(asked) > _READ_AHEAD:
                first, future = asked.popleft()
                yield first, future.result
        for first, future in asked:
            yield first, future.result

    def _video(self, item: Item) -> Done | None:
        import pyarrow as pa

        try:
            result = self._watch(item)
        except Exception as error:
            return failed_rows("video", [Failure(item.file, _sentence(item, error))], self._pipelines.videos.reader)
        if result.was_cancelled:
            return None
        warning = " ".join(result.warnings) or None
        table = _with_reader(result.timeline.to_table(), item.file, result.reader, None, warning)
        schema = video_schema(result.reader)
        return Done(
            "video",
            (item.file,),
            _packed(pa.Table.from_pandas(table, schema, preserve_index=False)),
            (),
            len(result.timeline.frame),
            result.timeline.end_s,
        )

    def _watch(self, item: Item) -> VideoResult:
        with ExitStack() as stack:
            held: Path | BinaryIO | bytes = item.open()
            if not isinstance(held, bytes):
                stack.enter_context(held)
            part = None if self._annotated is None else stack.enter_context(part_in(self._annotated))
            result = watch_video(
                held,
                self._pipelines.videos,
                VideoOptions(rate=self._recipe.rate),
                name=item.file,
                picture=None if part is None else part.file,
                is_cancelled=self._is_stopped,
            )
            if part is not None and self._annotated is not None and result.has_picture and not result.was_cancelled:
                part.keep_as(self._annotated / annotated_name(item))
            return result


def annotated_name(item: Item) -> str:
    """What the annotated picture or video of a file is called: its own name, and what tells it from its namesakes."""
    (stem,) = distinct_stems([item.file], item.kind)
    mark = hashlib.sha256(item.file.encode(errors="surrogatepass")).hexdigest()[:10]
    return f"{stem}-{mark}{'.annotated.png' if item.kind == 'photo' else PICTURE_ENDING}"


def _sentence(item: Item, error: Exception) -> str:
    """What a file's row says of the error that its reading ended in.

    Raises:
        OSError: the disk is full, which every further file would meet too.
    """
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        raise error
    if isinstance(error, FerError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"'{item.file}' needs more memory than there is."
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"The program failed at '{item.file}' ({what}); please report it."
