"""One clip -> a folder with everything that was read in it, each file there whole or not at all.

Knows nothing about the command line.
"""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fer.errors import MediaError
from fer.files import part_in, replace_file
from fer.pipeline import FacePipeline, Settings
from fer.video.formats import ABOUT_ENDING, FORMATS, PICTURE_ENDING, digest_file, to_about, write_zip
from fer.video.looking import VideoOptions, VideoProgress, VideoResult, watch_video


@dataclass(frozen=True)
class Wanted:
    """What is to be written of a clip.

    Attributes:
        formats: names of `fer.video.formats.FORMATS`.
        picture: the annotated video as well.
        zipped: everything packed into one file.
    """

    formats: Collection[str] = ("csv", "json")
    picture: bool = True
    zipped: bool = False


def watch_into_folder(
    clip: Path,
    folder: Path,
    stem: str,
    pipeline: FacePipeline,
    settings: Settings,
    options: VideoOptions,
    wanted: Wanted,
    *,
    progress: Callable[[VideoProgress], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> VideoResult:
    """Look at a clip and write what was seen.

    Args:
        clip: the video.
        folder: is there, and takes the files, which replace those of the same name.
        stem: what their names begin with.
        pipeline: finds and reads the faces.
        settings: those that the pipeline was made of.
        options, wanted: how it is looked at, and what is written.
        progress, is_cancelled: see `watch_video`.

    Raises:
        MediaError: the clip is no video that can be read, or the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            part = stack.enter_context(part_in(folder)) if wanted.picture else None
        except OSError as error:
            raise MediaError(f"{folder} cannot be written: {error.strerror}.") from error
        picture = None if part is None else part.file
        result = watch_video(clip, pipeline, options, picture=picture, progress=progress, is_cancelled=is_cancelled)
        try:
            digest = digest_file(clip)
            if wanted.zipped:
                archive = stack.enter_context(part_in(folder))
                write_zip(archive.file, result, settings, digest, picture=picture, formats=wanted.formats)
                archive.keep_as(folder / f"{stem}.zip")
                return result
            for name in wanted.formats:
                replace_file(folder / (stem + FORMATS[name].ending), FORMATS[name].write(result))
            replace_file(folder / (stem + ABOUT_ENDING), to_about(result, settings, digest, wanted.formats))
            if part is not None and result.has_picture:
                part.keep_as(folder / (stem + PICTURE_ENDING))
        except OSError as error:
            raise MediaError(f"{folder} cannot be written: {error.strerror}.") from error
        return result
