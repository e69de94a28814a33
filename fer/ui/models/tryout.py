"""All models on one face: a sample's or a visitor's own, cut out once, words and maps side by side.

What is kept of a photo are its faces as small patches, in the visitor's session alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from fer import samples
from fer.crops import cut_square
from fer.drawing import overlay_map
from fer.errors import FerError, ModelError
from fer.evaluation.installed import InstalledModel
from fer.pipeline import FacePipeline, Settings
from fer.results import Detections, Face, Reader
from fer.ui import shelf
from fer.ui.loaders import file_version, open_pipeline
from fer.ui.photos import Photo, from_sample, open_photo
from fer.ui.shared import remember_result
from fer.ui.style import covering_words, people_words, plain, reading_with_share, write_headline
from fer.ui.visitor import find_share

OWN = "own"
SHOWN_PX = 160

MAX_FACES = 6
"""How many faces of a photo can be chosen from, the largest first."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What one model says of a face.

    Attributes:
        reader: who read it.
        face: the reading.
        seen_bgr: what the network saw, in colour, uint8 of shape (SHOWN_PX, SHOWN_PX, 3).
        maps: float32 of shape (h, w, classes) over it.
        has_activations: whether they are the network's own; else parts of the face were covered to make them.
    """

    reader: Reader
    face: Face
    seen_bgr: np.ndarray
    maps: np.ndarray
    has_activations: bool


@dataclass(frozen=True, eq=False)
class Tried:
    """What all models say of a photo's faces.

    Attributes:
        faces: how many can be chosen from.
        answers: by model, one answer a face, the largest first.
        errors: a sentence for every model that could not read.
    """

    faces: int
    answers: tuple[tuple[Answer, ...], ...]
    errors: tuple[str, ...]


@st.fragment
def try_them(models: Sequence[InstalledModel]) -> None:
    """Let a visitor put one face before all models."""
    st.subheader("Try them on your photo", anchor=False)
    chosen = st.pills(
        "Whose face",
        [*samples.SAMPLES, OWN],
        default=next(iter(samples.SAMPLES)),
        required=True,
        format_func=lambda key: "Your photo" if key == OWN else samples.SAMPLES[key].title,
        key="try_source",
        bind="query-params",
        label_visibility="collapsed",
    )
    if chosen == OWN:
        photos = shelf.offer_files("A photo with a face", "try_file", many=False) or shelf.photos_on(shelf.PHOTOS)
        st.caption("It stays in this machine's memory and is gone when you leave.")
        if not photos:
            return
        photo = photos[-1]
    else:
        photo = from_sample(chosen)
    names = [model.name for model in models]
    try:
        with st.spinner("All models read it"):
            tried = remember_result(
                ("tried", photo.digest, *((name, *file_version(name)) for name in names)),
                lambda: read_face(photo, names),
            )
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return
    _shown(tried, photo)


def read_face(photo: Photo, names: Sequence[str]) -> Tried:
    """Find a photo's faces once, and let every model read them.

    Raises:
        FerError: the photo cannot be opened, no model can read, or this visitor waits for too much already.
    """
    image_bgr = open_photo(photo, find_share())
    found: Detections | None = None
    answers, errors = [], []
    for name in names:
        try:
            pipeline = open_pipeline(Settings(name, averaging="flip"))
        except FerError as error:
            errors.append(str(error))
            continue
        if found is None:
            found = pipeline.detect(image_bgr)
            found = found.select(np.arange(min(len(found), MAX_FACES)))
        answers.append(_answers(pipeline, image_bgr, found))
    if found is None:
        raise ModelError(errors[0] if errors else "No model is installed that can read a face.")
    return Tried(len(found), tuple(answers), tuple(errors))


def _answers(pipeline: FacePipeline, image_bgr: np.ndarray, found: Detections) -> tuple[Answer, ...]:
    (faces,) = pipeline.read([pipeline.cut(image_bgr, found)])
    return tuple(
        Answer(
            pipeline.reader,
            face,
            cut_square(image_bgr, pipeline.seen_square(face), SHOWN_PX),
            pipeline.explain(image_bgr, face),
            pipeline.has_maps,
        )
        for face in faces
    )


def _shown(tried: Tried, photo: Photo) -> None:
    for sentence in tried.errors:
        st.warning(plain(sentence), icon=":material/warning:")
    if not tried.faces:
        st.info(
            "No face found. Try a photo in which the face is at least 40 pixels wide and turned to the camera.",
            icon=":material/search_off:",
        )
        return
    number = 1
    if tried.faces > 1:
        number = st.segmented_control(
            "Face, the largest first",
            list(range(1, tried.faces + 1)),
            default=1,
            required=True,
            key=f"try_face_{photo.digest}",
        )
    with st.grid(min_column_width=130):
        for of_model in tried.answers:
            _card(of_model[number - 1])
    without = [of_model[0].reader.model for of_model in tried.answers if not of_model[0].has_activations]
    st.caption(
        "Over the face: what spoke for the answer, bright on a scale of its own. Mirrored faces averaged in. "
        + (f"{covering_words(without)} " if without else "")
        + plain(photo.credit)
    )


def _card(answer: Answer) -> None:
    face, name = answer.face, answer.reader.model
    with st.container(gap="xxsmall"):
        picture = overlay_map(answer.seen_bgr, answer.maps[:, :, face.classes.index(face.emotion)])
        st.image(picture, channels="BGR", width="stretch", alt=f"{name}: {reading_with_share(face)}")
        st.caption(f"**{plain(name)}**")
        write_headline(face)
        if answer.reader.target == "votes":
            st.caption(people_words(face))
