"""python -m fer: the command line over the package.

Data goes to stdout, errors and progress to stderr, progress only on a terminal. Exit status: 0 all done, 2 some file
failed and the others are written, 1 nothing could be done, 64 wrong usage.
"""

import argparse
import errno
import json
import math
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tqdm import tqdm

from fer import __version__, export, paths
from fer.batch import ENGINES
from fer.detection import DETECTORS, LIVE_SIDES, MIN_SCORE
from fer.errors import FerError
from fer.files import replace_file, table_to_csv
from fer.pipeline import DEFAULT_MODEL, Settings, load_pipeline
from fer.quality import less_sure
from fer.results import PhotoResult

if TYPE_CHECKING:
    from fer.batch.run import Progress

DONE, NOTHING_DONE, SOME_FAILED, WRONG_USAGE = 0, 1, 2, 64
LIVE_MINUTES, BATCH_PHOTOS = 10.0, 10_000

BUDGET_MODEL = "fer2013-small"
"""The model that the budgets are stated for."""

BETWEEN_LINES_S = 0.5
"""So often, at most, a batch says how far it is."""

EXTRAS = {"sessions": "app", "train": "train"}
"""Commands that need more than the base, and the extra of pyproject.toml that brings it."""

SESSION_COLUMNS = (
    *("file", "name", "owner", "kind", "started", "duration_s", "model", "detector"),
    *("people", "readings"),
)

MAX_NAMED = 10
"""How many bad rows, or faces with a fault, are named one by one."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(WRONG_USAGE, f"{self.prog}: {message}\n")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, but is {text}")
    return value


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be more than 0, but is {text}")
    return value


def _rate(text: str) -> float:
    rate = _positive(text)
    if rate > 1000:
        raise argparse.ArgumentTypeError(f"must be at most 1000, but is {text}")
    return rate


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, but is {text}")
    return int(text)


def _not_negative(text: str) -> float:
    return 0.0 if text.strip() in ("0", "0.0") else _positive(text)


def _long_sides(text: str) -> tuple[int, ...]:
    try:
        sides = tuple(int(side) for side in text.split(","))
    except ValueError:
        sides = ()
    if not sides or min(sides) < 16:
        raise argparse.ArgumentTypeError(f"must be numbers of pixels parted by commas, 16 or more, but is {text}")
    return sides


def _video_formats(text: str) -> tuple[str, ...]:
    from fer.video.formats import FORMATS

    names = tuple(FORMATS) if text == "all" else tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(FORMATS)}, or all, but has {', '.join(unknown)}")
    return names


def _place(text: str) -> Path | str:
    return text if text.lower().startswith(("http://", "https://")) else Path(text)


def _named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"must look like fer2013=FILE, but is {text}")
    return name, Path(path)


def build_parser() -> argparse.ArgumentParser:
    prog = "fer" if Path(sys.argv[0]).stem == "fer" else "python -m fer"
    parser = _Parser(prog=prog, description="Facial expressions in photos and videos, with honest figures.")
    parser.add_argument("--version", action="version", version=f"fer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    analyze = commands.add_parser("analyze", help="read the expressions in photos and folders of photos")
    analyze.add_argument("paths", nargs="+", type=_place, metavar="PATH",
                         help="a picture, a folder to search, or a link that begins with http")  # fmt: skip
    analyze.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="default: %(default)s")
    analyze.add_argument("--detector", default="auto", choices=("auto", *DETECTORS), help="default: %(default)s")
    analyze.add_argument("--format", default="json", choices=export.FORMATS, help="default: %(default)s")
    analyze.add_argument("--out", type=Path, metavar="FILE", help="write here instead of to stdout")
    analyze.add_argument(
        "--annotate", type=Path, metavar="DIR", help="also write every picture with its numbered boxes"
    )
    analyze.add_argument("--averaging", default="flip", choices=("none", "flip"),
                         help="flip reads every face and its mirror image; default: %(default)s")  # fmt: skip
    analyze.add_argument("--min-score", type=_share, default=MIN_SCORE, metavar="SHARE",
                         help="least detector score, 0 to 1; default: %(default)s")  # fmt: skip
    analyze.add_argument("--margin", type=_share, default=0.0, metavar="SHARE",
                         help="widen every crop by this share of its side; default: %(default)s")  # fmt: skip
    analyze.set_defaults(run=_analyze)

    video = commands.add_parser("video", help="read the expressions in video files over time")
    video.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="a video file")
    video.add_argument("--out", type=Path, metavar="DIR",
                       help="write everything here; without it one clip's table goes to stdout as CSV")  # fmt: skip
    video.add_argument("--rate", type=_rate, metavar="N",
                       help="look at N frames a second and interpolate between; without it at every frame")  # fmt: skip
    video.add_argument("--formats", type=_video_formats, default=("csv", "json"), metavar="NAME,...",
                       help="csv, parquet, json (summary), vtt, eaf (ELAN), boris, fex (py-feat), openface, or all; "
                       "default: csv,json")  # fmt: skip
    video.add_argument("--zip", action="store_true", help="pack all that belongs to a clip into one file")
    video.add_argument("--no-picture", action="store_true", help="leave out the annotated video, which takes a while")
    video.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="default: %(default)s")
    video.add_argument("--detector", default="auto", choices=("auto", *DETECTORS), help="default: %(default)s")
    video.add_argument("--averaging", default="none", choices=("none", "flip"),
                       help="flip reads every face and its mirror image; default: %(default)s")  # fmt: skip
    video.add_argument("--min-score", type=_share, default=MIN_SCORE, metavar="SHARE",
                       help="least detector score, 0 to 1; default: %(default)s")  # fmt: skip
    video.add_argument("--long-sides", type=_long_sides, default=LIVE_SIDES, metavar="PIXELS,...",
                       help="at which sizes faces are looked for; 320,640,1280 also finds small ones, "
                       "in several times the time; default: 320")  # fmt: skip
    video.add_argument("--half-life", type=_not_negative, default=0.3, metavar="SECONDS",
                       help="after this time a reading counts half, 0: at once; default: %(default)s")  # fmt: skip
    video.add_argument("--no-words", action="store_true", help="draw numbers alone")
    video.add_argument("--landmarks", action="store_true", help="draw eyes, nose and corners of the mouth")
    video.add_argument("--blur", action="store_true", help="make faces unrecognisable in the annotated video")
    video.set_defaults(run=_video)

    batch = commands.add_parser(
        "batch",
        help="read thousands of photos and hours of video, on all cores or a cluster; goes on where it stopped",
        epilog="Open what was read with pandas.read_parquet('FOLDER/photos'), in DuckDB with "
        "SELECT * FROM 'FOLDER/photos/*.parquet', or on the app's Image page.",
    )
    batch.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a photo, a video, a folder of them, a pattern such as 'in/*.jpg', a list (.txt with a name a line, .csv "
        "or .parquet with a column file), a link, or an address that fsspec opens, such as s3://bucket/in",
    )
    batch.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="is made: photos/*.parquet with a row a face, videos/*.parquet with a row a person and frame, and "
        "manifest.json, how they came about; the same command goes on where it was stopped",
    )
    batch.add_argument("--engine", default="local", choices=ENGINES,
                       help="the cores of this machine, or Ray; default: %(default)s")  # fmt: skip
    batch.add_argument("--ray-address", metavar="HOST:PORT",
                       help="the head of a cluster whose nodes see the same files; else Ray starts here")  # fmt: skip
    batch.add_argument("--workers", type=_count, metavar="N", help="use N cores; without it all")
    batch.add_argument("--annotate", action="store_true",
                       help="also write all photos and videos with numbered boxes, into FOLDER/annotated")  # fmt: skip
    batch.add_argument("--rate", type=_rate, metavar="N",
                       help="look at N frames a second of videos; without it at every frame")  # fmt: skip
    batch.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="default: %(default)s")
    batch.add_argument("--detector", default="auto", choices=("auto", *DETECTORS), help="default: %(default)s")
    batch.add_argument("--min-score", type=_share, default=MIN_SCORE, metavar="SHARE",
                       help="least detector score, 0 to 1; default: %(default)s")  # fmt: skip
    batch.add_argument("--json", action="store_true", help="print JSON, a line for every failure and step")
    batch.set_defaults(run=_batch)

    models = commands.add_parser("models", help="list what is installed, with its figures")
    models.add_argument("--json", action="store_true", help="print JSON")
    models.set_defaults(run=_models)

    evaluate = commands.add_parser("evaluate", help="measure a model, as it is served, on a data set")
    evaluate.add_argument("model", metavar="NAME", help="an installed model")
    evaluate.add_argument("--data", action="append", type=_named_path, default=[], metavar="NAME=PATH",
                          help="fer2013=FILE or ckplus=FILE; without it fer2013 is looked for")  # fmt: skip
    evaluate.add_argument(
        "--split",
        default="PrivateTest",
        help="Training, PublicTest, PrivateTest, all, held-out (every row that the model did not "
        "learn from) or apex (of those, the ones that are not neutral); default: %(default)s",
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    evaluate.add_argument("--write-report", action="store_true",
                          help="fit framing and temperature, measure anew, store it with the model")  # fmt: skip
    evaluate.set_defaults(run=_evaluate)

    train = commands.add_parser("train", help="train a network from a recipe, or go on with a run that stopped")
    train.add_argument("config", type=Path, metavar="CONFIG.toml",
                       help="the recipe, or the name of one that comes along in fer/training/recipes")  # fmt: skip
    train.add_argument("--data", type=_named_path, metavar="NAME=PATH",
                       help="fer2013=FILE, ckplus=FILE, or own=FOLDER with a sub-folder of pictures for every class; "
                       "without it fer2013 is looked for")  # fmt: skip
    train.add_argument("--out", type=Path, metavar="DIR",
                       help="keep the run and the model here; without it the app gets the model")  # fmt: skip
    train.set_defaults(run=_train)

    audit = commands.add_parser("audit", help="find copies, leaks and labels that disagree in a data set")
    audit.add_argument("file", metavar="FILE", help="a CSV file in FER2013's layout, a folder of pictures with a "
                       "sub-folder for every class, or fer2013 or ckplus")  # fmt: skip
    audit.add_argument("--json", action="store_true", help="print JSON")
    audit.set_defaults(run=_audit)

    benchmark = commands.add_parser("benchmark", help="measure speed and memory against the budgets")
    benchmark.add_argument("--model", default=BUDGET_MODEL, metavar="NAME", help="default: %(default)s")
    benchmark.add_argument("--visitors", type=int, default=0, metavar="N",
                           help="also let N visitors upload 5 MB each at once; takes minutes")  # fmt: skip
    benchmark.add_argument("--live", action="store_true",
                           help="also watch the Live page in a browser; takes a quarter of an hour")  # fmt: skip
    benchmark.add_argument("--video", action="store_true", help="also read video files; takes minutes")
    benchmark.add_argument("--minutes", type=_positive, default=LIVE_MINUTES, metavar="N",
                           help="how long --live and --video watch the memory; default: %(default)s")  # fmt: skip
    benchmark.add_argument("--batch", action="store_true",
                           help="also read many photos by one core, by all and by Ray; takes minutes")  # fmt: skip
    benchmark.add_argument("--photos", type=_count, default=BATCH_PHOTOS, metavar="N",
                           help="over how many --batch watches the memory; default: %(default)s")  # fmt: skip
    benchmark.add_argument("--json", action="store_true", help="print JSON")
    benchmark.set_defaults(run=_benchmark)

    sessions = commands.add_parser("sessions", help="keep, bring back or give out saved sessions, of all who have some")
    deeds = sessions.add_subparsers(dest="deed", required=True, metavar="DEED", parser_class=_Parser)
    backup = deeds.add_parser("backup", help="write all sessions into one file, also while the app runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="is written anew; nobody else may read it")
    backup.set_defaults(run=_back_up)
    restore = deeds.add_parser("restore", help="add the sessions of a backup, of this database or another, to this one")
    restore.add_argument("file", type=Path, metavar="FILE", help="what backup wrote")
    restore.set_defaults(run=_restore)
    export_sessions = deeds.add_parser("export", help="write the readings of every session into a file of its own")
    export_sessions.add_argument("folder", type=Path, metavar="DIR", help="is made; sessions.csv in it lists them")
    export_sessions.add_argument("--format", default="csv", choices=("csv", "json"), help="default: %(default)s")
    export_sessions.set_defaults(run=_export_sessions)

    setup = commands.add_parser("setup", help="fetch the YuNet detector's file (0.2 MB), nothing else")
    setup.set_defaults(run=_setup)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `python -m fer`; those of the process by default.

    Returns:
        The exit status.
    """
    chosen = build_parser().parse_args(arguments)
    try:
        with _stopped_as_by_keyboard():
            status = chosen.run(chosen)
        sys.stdout.flush()
        return status
    except FerError as error:
        _complain(str(error))
        return NOTHING_DONE
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(chosen.command)
        if extra is None:
            raise
        _complain(
            f"The command {chosen.command} needs the package {error.name}; "
            f"`pip install 'fer-dashboard[{extra}]'` brings it."
        )
        return NOTHING_DONE
    except BrokenPipeError:
        _drop_output()
        return DONE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _drop_output()
        _complain("The disk is full; make room and run this again.")
        return NOTHING_DONE
    except KeyboardInterrupt:
        _complain("Stopped.")
        return NOTHING_DONE


@contextmanager
def _stopped_as_by_keyboard() -> Iterator[None]:
    """Let the signal by which systems end a program do what Ctrl+C does, so that what was done is written."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _drop_output() -> None:
    """Send what is still to be written nowhere, or Python would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(sentence: str) -> None:
    print(f"fer: {sentence}", file=sys.stderr)


def _progress(items: Iterable, total: int, unit: str) -> Iterable:
    return tqdm(items, total=total, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)


@contextmanager
def _share_bar(what: str) -> Iterator[Callable[[float], None]]:
    """A progress bar for work that reports the share done, 0 to 1."""
    form = "{desc}: {percentage:3.0f}% {bar} {remaining} left"
    with tqdm(
        total=1.0, desc=what, bar_format=form, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False
    ) as bar:
        yield lambda share: bar.update(share - bar.n)


def _write(data: bytes, out: Path | None) -> None:
    """Give data to stdout, to a device or a pipe, or, whole or not at all, to a file."""
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        if out.exists() and not (out.is_file() or out.is_dir()):
            out.write_bytes(data)
        else:
            if not out.parent.exists():
                out.parent.mkdir(parents=True, exist_ok=True)
            replace_file(out, data)
    except OSError as error:
        raise FerError(f"{out} cannot be written: {error.strerror}.") from error


def _analyze(chosen: argparse.Namespace) -> int:
    from fer.batch.photos import analyze_files, find_images

    if chosen.format == "parquet" and chosen.out is None:
        _complain("Parquet is no text; name a file with --out.")
        return WRONG_USAGE
    files = find_images(chosen.paths)
    pipeline = load_pipeline(
        chosen.model,
        chosen.detector,
        averaging=chosen.averaging,
        min_score=chosen.min_score,
        margin=chosen.margin,
    )
    if chosen.annotate is not None:
        try:
            chosen.annotate.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FerError(f"{chosen.annotate} cannot be written: {error.strerror}.") from error
    names = export.annotated_names(map(str, files))
    photos: list[PhotoResult] = []
    has_fault = False
    try:
        for analysis, name in zip(_progress(analyze_files(pipeline, files), len(files), "photo"), names, strict=True):
            photo = analysis.photo
            photos.append(photo)
            fault = photo.error
            if fault is None and chosen.annotate is not None:
                try:
                    _write(export.annotated_png(analysis.image_bgr, photo), chosen.annotate / name)
                except FerError as error:
                    fault = str(error)
            if fault is not None:
                has_fault = True
                _complain(fault)
    except KeyboardInterrupt:
        if not photos:
            raise
    _write(export.to_bytes(photos, chosen.format), chosen.out)
    _warn_of_faults(photos)
    if len(photos) < len(files):
        _complain(f"Stopped; the first {len(photos)} of {len(files)} photos are read and written.")
    if all(photo.error is not None for photo in photos):
        return NOTHING_DONE
    return SOME_FAILED if has_fault or len(photos) < len(files) else DONE


def _warn_of_faults(photos: Iterable[PhotoResult]) -> None:
    """Say of each face that something is wrong with that it is read less surely, and by how much."""
    sentences = [
        f"{photo.file}, face {number}: {less_sure(face, photo.reader.fault_costs)}"
        for photo in photos
        for number, face in enumerate(photo.faces, 1)
        if face.quality
    ]
    for sentence in sentences[:MAX_NAMED]:
        _complain(sentence)
    if (more := len(sentences) - MAX_NAMED) > 0:
        _complain(f"{more:,} more faces have such faults; the readings name them as quality.")


def _video(chosen: argparse.Namespace) -> int:
    from fer.video.folder import Wanted, watch_into_folder
    from fer.video.formats import FORMATS
    from fer.video.looking import VideoOptions, watch_video

    if chosen.out is None and len(chosen.clips) > 1:
        _complain("More than one clip needs a folder for what is read; name it with --out.")
        return WRONG_USAGE
    settings = Settings(
        chosen.model,
        chosen.detector,
        averaging=chosen.averaging,
        min_score=chosen.min_score,
        long_sides=chosen.long_sides,
    )
    options = VideoOptions(
        rate=chosen.rate,
        half_life_s=chosen.half_life,
        words=not chosen.no_words,
        landmarks=chosen.landmarks,
        blur=chosen.blur,
    )
    wanted = Wanted(chosen.formats, picture=not chosen.no_picture, zipped=chosen.zip)
    pipeline = settings.load()
    if chosen.out is not None:
        try:
            chosen.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FerError(f"{chosen.out} cannot be written: {error.strerror}.") from error
    read = failed = 0
    with _interrupts() as is_interrupted:
        for clip, stem in zip(chosen.clips, export.distinct_stems(map(str, chosen.clips), "video"), strict=True):
            if is_interrupted():
                failed += 1
                continue
            try:
                with _share_bar(clip.name) as share_done:
                    calls: dict[str, Any] = {
                        "progress": lambda done, share_done=share_done: share_done(done.share or 0.0),
                        "is_cancelled": is_interrupted,
                    }
                    if chosen.out is None:
                        result = watch_video(clip, pipeline, options, **calls)
                        _write(FORMATS["csv"].write(result), None)
                    else:
                        result = watch_into_folder(clip, chosen.out, stem, pipeline, settings, options, wanted, **calls)
            except FerError as error:
                _complain(str(error))
                failed += 1
                continue
            for warning in result.warnings:
                _complain(warning)
            read += 1
            has_all = result.has_picture or chosen.out is None or not wanted.picture
            failed += result.was_cancelled or not has_all
    return DONE if not failed else SOME_FAILED if read else NOTHING_DONE


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C end the work in order, so that what is done is kept; the second one ends the program."""
    asked = False

    def remember(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def _batch(chosen: argparse.Namespace) -> int:
    from fer.batch.run import Job, Progress, run_batch
    from fer.batch.work import Failure, Recipe

    if chosen.ray_address is not None and chosen.engine != "ray":
        _complain("An address of a cluster is of use with --engine ray alone.")
        return WRONG_USAGE
    recipe = Recipe(
        Settings(chosen.model, chosen.detector, averaging="flip", min_score=chosen.min_score),
        Settings(chosen.model, chosen.detector, min_score=chosen.min_score, long_sides=LIVE_SIDES),
        chosen.rate,
        chosen.annotate,
    )
    job = Job(chosen.sources, chosen.out, recipe, chosen.engine, chosen.ray_address, chosen.workers)
    told_s = 0.0

    def say(event: str, record: dict[str, Any]) -> None:
        print(json.dumps({"event": event, **record}, ensure_ascii=False), flush=True)

    with tqdm(unit="file", file=sys.stderr, disable=not sys.stderr.isatty() or chosen.json, leave=False) as bar:

        def report(done: Progress) -> None:
            nonlocal told_s
            if time.monotonic() - told_s < BETWEEN_LINES_S:
                return
            told_s = time.monotonic()
            if chosen.json:
                say("progress", done.to_record())
            bar.total, bar.n = done.total, done.done
            left = "" if done.left_s is None else f", {_duration(done.left_s)} left"
            bar.bar_format = "{percentage:3.0f}% {bar} {n_fmt} of {total_fmt}" + f", {done.rate:.1f} a second{left}"
            bar.refresh()

        def fail(failure: Failure) -> None:
            if chosen.json:
                say("failed", {"file": failure.file, "error": failure.error})
            elif not bar.disable:
                bar.clear()
            if not chosen.json:
                _complain(failure.error)

        with _interrupts() as is_interrupted:
            done = run_batch(job, progress=report, failed=fail, is_stopped=is_interrupted)
    if chosen.json:
        say("stopped" if done.was_stopped else "end", done.to_record() | {"out": str(chosen.out)})
    else:
        print(_batch_in_words(done, chosen.out))
    if done.was_stopped:
        _complain(f"Stopped; the same command goes on with the other {done.total - done.done:,} files.")
    if done.total and not done.read and not done.skipped:
        return NOTHING_DONE
    return SOME_FAILED if done.failed or done.was_stopped else DONE


def _batch_in_words(done: "Progress", out: Path) -> str:
    """What came of a batch, and how its tables are opened."""
    from fer.batch.folder import KINDS

    counts = [
        f"{done.total:,} files",
        f"{done.read:,} read",
        f"{done.failed:,} failed",
        f"{done.skipped:,} done before",
    ]
    if done.repeated:
        counts.append(f"{done.repeated:,} named more than once")
    speed = f"{done.faces:,} faces in {_duration(done.elapsed_s)}, {done.rate:.1f} files a second"
    video = f", {_duration(done.video_s)} of video" if done.video_s else ""
    lines = [f"{', '.join(counts)}{f'; {speed}{video}' if done.read or done.failed else ''}."]
    lines += [f"A table: pandas.read_parquet({str(out / name)!r})" for name in KINDS.values() if (out / name).is_dir()]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _models(chosen: argparse.Namespace) -> int:
    from fer.evaluation.installed import find_installed

    rows = [model.to_record() for model in find_installed(opened=True)]
    if chosen.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    for row in () if chosen.json else rows:
        print(f"{row['name']}  ({row['folder']})")
        if row["error"]:
            print(f"  {row['error']}")
            continue
        print(f"  {row['summary']}; {len(row['classes'])} classes, {row['parameters']:,} parameters")
        for line in (row["figures"], *row["macro_recalls"]):
            print(f"  {line}")
    if not rows:
        raise FerError(f"No model is installed; looked in {', '.join(map(str, paths.model_dirs()))}.")
    failed = sum(row["error"] is not None for row in rows)
    return DONE if not failed else NOTHING_DONE if failed == len(rows) else SOME_FAILED


def _evaluate(chosen: argparse.Namespace) -> int:
    from fer.datasets import load_dataset
    from fer.datasets.ferplus import with_found_votes
    from fer.evaluation.measuring import evaluate_on, restore_splits, write_report
    from fer.evaluation.report import load_report
    from fer.evaluation.text import render_comparison, render_evaluation
    from fer.recognition import load_model

    model = load_model(chosen.model, calibrated=not chosen.write_report)
    datasets = []
    for name, path in chosen.data or [("fer2013", None)]:
        with _share_bar(f"Reading {name}") as report_share:
            dataset = with_found_votes(load_dataset(name, progress=report_share, path=path))
            datasets.append(restore_splits(model, dataset))
    if chosen.write_report:
        print(write_report(model, datasets, _share_bar))
        return DONE
    evaluations = evaluate_on(model, datasets, chosen.split, _share_bar)
    if chosen.json:
        records = [evaluation.to_dict() for evaluation in evaluations]
        print(json.dumps(records[0] if len(records) == 1 else records, indent=2, ensure_ascii=False))
        return DONE
    stored = load_report(paths.find_models()[chosen.model])
    for evaluation in evaluations:
        print(render_evaluation(evaluation))
        print(render_comparison(evaluation, stored.find(evaluation.stamp.data, evaluation.stamp.split)))
    return DONE


def _train(chosen: argparse.Namespace) -> int:
    from fer.datasets import load_dataset
    from fer.datasets.ferplus import with_found_votes
    from fer.training.config import load_config

    config = load_config(chosen.config)
    taken = paths.find_models().get(config.name)
    if chosen.out is None and taken is not None:
        raise FerError(
            f"The name {config.name} belongs to the model in {taken}; change name in the recipe, or name a folder with "
            "--out."
        )
    name, path = chosen.data or ("fer2013", None)
    with _share_bar(f"Reading {name}") as report_share:
        data = load_dataset(name, progress=report_share, path=path)
    if config.heads is not None:
        data = with_found_votes(data)
    from fer.training.run import install, run  # Keras and its backend take seconds to load
    from fer.training.train import EpochLog

    def report(network: str, log: EpochLog) -> None:
        watched = "" if log.public_accuracy is None else f", {log.public_accuracy:.1%} on PublicTest"
        tqdm.write(f"{network}: epoch {log.epoch} of {log.epochs}, loss {log.loss:.3f}{watched}", file=sys.stderr)

    out = (chosen.out or paths.runs_dir()) / chosen.config.stem
    with _share_bar("Training") as report_share:
        folder = run(config, data, out, report if sys.stderr.isatty() else None, report_share)
    models_dir = paths.own_models_dir()
    if chosen.out is None:
        folder = install(folder, models_dir)
        shutil.rmtree(out, ignore_errors=True)
        _complain(f"The app lists the new model as {config.name}.")
    else:
        _complain(f"For the app to list the model, copy its folder to {models_dir}.")
    _complain(f"The model lies in {folder}. {_write_reached(folder)}")
    print(folder)
    return DONE


def _write_reached(folder: Path) -> str:
    """What a model that was just trained reached: what its report says, else what its checkpoint was chosen by."""
    from fer.evaluation import headline, load_curve, load_report

    report = load_report(folder)
    if report.evaluations:
        return f"Reached: {headline(report)}."
    seen = [row["public_accuracy"] for row in load_curve(folder) or () if row.get("public_accuracy") is not None]
    best = f"Reached: {100 * max(seen):.1f} % right on PublicTest at the best epoch. " if seen else ""
    return f"{best}`python -m fer evaluate {folder.name}` measures an installed model on rows that chose nothing."


def _audit(chosen: argparse.Namespace) -> int:
    from fer.datasets import load_dataset
    from fer.datasets.audit import audit
    from fer.datasets.audit_text import render_audit
    from fer.datasets.ferplus import find_votes, load_votes

    with _share_bar(f"Reading {chosen.file}") as report_share:
        dataset = load_dataset(chosen.file, "skip", report_share)
    for bad in dataset.bad_rows[:MAX_NAMED]:
        _complain(f"Row {bad.row} is left out: {bad.reason}.")
    if len(dataset.bad_rows) > MAX_NAMED:
        _complain(f"{len(dataset.bad_rows) - MAX_NAMED:,} more rows are left out.")
    votes_file = find_votes(dataset) if dataset.name == "fer2013" else None
    votes = None if votes_file is None else load_votes(votes_file, dataset)
    with _share_bar("Comparing pictures") as report_share:
        found = audit(dataset, votes, report_share)
    print(json.dumps(found.to_dict(), indent=2, ensure_ascii=False) if chosen.json else render_audit(found))
    return DONE


def _benchmark(chosen: argparse.Namespace) -> int:
    from fer.benchmark import render, run

    tell = _complain if sys.stderr.isatty() else lambda what: None
    live_minutes, video_minutes = (chosen.minutes if wanted else 0 for wanted in (chosen.live, chosen.video))
    batch_photos = chosen.photos if chosen.batch else 0
    results = run(chosen.model, tell, chosen.visitors, live_minutes, video_minutes, batch_photos)
    print(json.dumps([result.to_record() for result in results], indent=2) if chosen.json else render(results))
    return DONE


def _back_up(chosen: argparse.Namespace) -> int:
    from fer.store import Store

    with closing(Store()) as store:
        number = store.back_up(chosen.file)
        _complain(f"Sessions of {store.place} now in {chosen.file}: {number:,}.")
    return DONE


def _restore(chosen: argparse.Namespace) -> int:
    from fer.store import Store

    with closing(Store()) as store:
        added, known = store.restore(chosen.file)
        _complain(f"Sessions added to {store.place}: {added:,}; there already: {known:,}.")
    return DONE


def _export_sessions(chosen: argparse.Namespace) -> int:
    import pandas as pd

    from fer.store import Store

    rows = []
    with closing(Store()) as store, _writing_to(chosen.folder):
        chosen.folder.mkdir(parents=True, exist_ok=True)
        for owner in store.owners():
            for session in store.sessions(owner):
                about = {"name": session.name, "owner": owner} | session.describe(store.nobody(owner, session.id))
                name = f"session-{session.id}.{chosen.format}"
                samples, remarks = store.samples(owner, session.id), store.remarks(owner, session.id)
                replace_file(
                    chosen.folder / name,
                    export.samples_to_bytes(samples, session.classes, about, chosen.format, remarks),
                )
                about = {key: value for key, value in about.items() if key not in ("classes", "nobody_s")}
                rows.append({"file": name, **about, "people": session.people, "readings": session.readings})
        replace_file(chosen.folder / "sessions.csv", table_to_csv(pd.DataFrame(rows, columns=SESSION_COLUMNS)))
    print(chosen.folder)
    return DONE


@contextmanager
def _writing_to(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise FerError(f"{place} cannot be written: {error.strerror}.") from error


def _setup(chosen: argparse.Namespace) -> int:
    from fer.fetch import fetch_detector

    print(fetch_detector())
    return DONE
