"""Faces behind the figures: where two models disagree, and what a model is sure of and wrong about."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from fer.charts.parts import percent
from fer.datasets import FaceDataset, data_title
from fer.drawing import overlay_map
from fer.errors import FerError, known
from fer.evaluation import mcnemar, paired_difference
from fer.evaluation.evaluate import scale_to
from fer.recognition import EmotionModel
from fer.results import Averaging
from fer.ui.loaders import open_model
from fer.ui.models.choice import Entry, Rows, data_file
from fer.ui.shared import take_page
from fer.ui.style import covering_words, plain

FACES_A_PAGE = 12
SHOWN_PX = 112

_GAP_PX = 4
_LEAST_P = 0.001


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model that was measured here answers, face by face.

    Attributes:
        entry: the model.
        read: int64 of shape (n,), the class it answers, in the order of its result's rows.
        confidence: float32 of shape (n,), the calibrated probability of that class, in [0, 1].
    """

    entry: Entry
    read: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, entry: Entry, averaging: Averaging) -> "Answers":
        probabilities = entry.probabilities(averaging)
        return cls(entry, probabilities.argmax(axis=1), probabilities.max(axis=1))

    def take(self, index: np.ndarray) -> "Answers":
        """Keep the answers at these positions."""
        return Answers(self.entry, self.read[index], self.confidence[index])

    def words(self, position: int) -> str:
        """One answer, as in "happy 92 %"."""
        return f"{self.entry.model.card.classes[self.read[position]]} {percent(self.confidence[position])}"


def show_faces(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show faces that models read differently, or that one is sure of and wrong about."""
    read_here = [entry for entry in entries if entry.result is not None]
    if not read_here:
        needed = "press Measure here, above." if data_file(rows.data) else f"{data_title(rows.data)} is not here."
        st.info(f"Faces can be shown once the models have read them on this machine: {needed}", icon=":material/face:")
        return
    _faces(read_here, rows, known(dataset))


@st.fragment
def _faces(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset) -> None:
    show = "mistakes"
    if len(entries) > 1:
        show = st.segmented_control(
            "Show",
            ["disagreements", "mistakes"],
            default="disagreements",
            required=True,
            format_func={"disagreements": "Where two disagree", "mistakes": "Most confident mistakes"}.__getitem__,
            key="faces_show",
            persist_state="session",
            label_visibility="collapsed",
        )
    if show == "disagreements":
        _disagreements(entries, rows, dataset)
    else:
        _mistakes(entries, rows, dataset)


def _disagreements(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset) -> None:
    names = [entry.name for entry in entries]
    one, other = names[:2]
    if len(names) > 2:
        with st.container(horizontal=True, gap="medium"):
            one = st.selectbox("One model", names, key="faces_one", width=240)
            rest = [name for name in names if name != one]
            other = st.selectbox("The other", rest, key="faces_other", width=240)
    first, second = (next(entry for entry in entries if entry.name == name) for name in (one, other))
    _, in_first, in_second = np.intersect1d(first.readings.rows, second.readings.rows, return_indices=True)
    shown = first.readings.faces(dataset).take(in_first)
    answers = (Answers.of(first, rows.averaging).take(in_first), Answers.of(second, rows.averaging).take(in_second))
    right = [each.read == shown.labels for each in answers]
    _tested(first, second, right, rows, shown.subjects)
    differ = answers[0].read != answers[1].read
    kinds = {
        "all": differ,
        "first": right[0] & ~right[1],
        "second": right[1] & ~right[0],
        "neither": differ & ~right[0] & ~right[1],
    }
    titles = {"all": "All", "first": f"Only {one} is right", "second": f"Only {other} is right", "neither": "Neither"}
    kind = st.segmented_control(
        "Who is right",
        list(kinds),
        default="all",
        required=True,
        format_func=lambda name: f"{titles[name]} ({int(kinds[name].sum()):,})",
        key="faces_kind",
        label_visibility="collapsed",
    )
    sure = answers[0].confidence + answers[1].confidence
    positions = np.flatnonzero(kinds[kind])
    positions = positions[np.argsort(-sure[positions], kind="stable")]
    _cards(shown, answers, positions, f"{dataset.digest[:8]} {rows.split} {one} {other} {kind} {rows.averaging}")


def _tested(first: Entry, second: Entry, right: Sequence[np.ndarray], rows: Rows, people: np.ndarray | None) -> None:
    """Say how much better one model is on the same faces, and whether chance would do as much."""
    of_first, of_second = right
    by = paired_difference(of_first, of_second, people)
    low, high = by.interval_95
    test = mcnemar(of_first, of_second, people)
    chance = f"p < {_LEAST_P}" if test.p_value < _LEAST_P else f"p = {test.p_value:.3f}"
    verdict = "differ by more than chance" if test.p_value < 0.05 else "may differ by chance alone"
    named = "McNemar's test"
    if people is not None:
        named = f"interval and randomization test by person, of whom there are {len(np.unique(people)):,}"
    more = "more" if by.difference >= 0 else "less"
    st.markdown(
        f"On the same {by.n:,} faces, **{plain(first.name)}** is right {100 * abs(by.difference):.1f} points {more} "
        f"often than **{plain(second.name)}** (95 % interval of the difference {100 * low:+.1f} to {100 * high:+.1f}). "
        f"It alone is right on {test.only_a:,}, the other alone on {test.only_b:,}: they {verdict} ({named}, {chance})."
    )
    seen = [entry.name for entry in (first, second) if entry.measured.stamp.seen_in_training]
    if seen:
        st.caption(plain(f"{' and '.join(seen)} learned from these very faces, so the comparison is not fair."))
    st.caption(plain(f"{rows.title}; both measured on this machine."))


def _mistakes(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset) -> None:
    names = [entry.name for entry in entries]
    name = st.selectbox("Model", names, key="mistakes_model", width=240) if len(names) > 1 else names[0]
    entry = next(entry for entry in entries if entry.name == name)
    shown = entry.readings.faces(dataset)
    answers = Answers.of(entry, rows.averaging)
    label = st.pills("Labelled", entry.model.card.classes, key="mistakes_label")
    wrong = answers.read != shown.labels
    if label is not None:
        wrong &= shown.labels == shown.classes.index(label)
    positions = np.flatnonzero(wrong)
    positions = positions[np.argsort(-answers.confidence[positions], kind="stable")]
    st.caption(
        plain(
            f"{len(positions):,} faces of {rows.title} that {name} reads otherwise than they are labelled, the surest "
            "first. Some of them are mistakes of the label."
        )
    )
    _cards(shown, (answers,), positions, f"{dataset.digest[:8]} {rows.split} {name} {label} {rows.averaging}")


def _cards(shown: FaceDataset, answers: Sequence[Answers], positions: np.ndarray, key: str) -> None:
    """Show a page of faces, each with what the models answer and where they saw it."""
    if not len(positions):
        st.info("No face is like that.", icon=":material/search_off:")
        return
    page = np.asarray(take_page(positions.tolist(), FACES_A_PAGE, f"model faces {key}"))
    try:
        models = [open_model(each.entry.name) for each in answers]
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return
    maps = [_where(model, shown.images[page], each.read[page]) for model, each in zip(models, answers, strict=True)]
    with st.grid(min_column_width=110 + 100 * len(answers)):
        for i, position in enumerate(page):
            label = shown.classes[shown.labels[position]]
            said = [f"{each.entry.name}: {each.words(position)}" for each in answers]
            strip = [_enlarged(shown.images[position]), *(of_model[i] for of_model in maps)]
            with st.container(gap="xxsmall"):
                st.image(
                    _side_by_side(strip),
                    channels="BGR",
                    width="stretch",
                    alt=f"Row {shown.rows[position]}, labelled {label}. {'. '.join(said)}",
                )
                st.caption(plain(f"{shown.rows[position]}, labelled {label}") + "  \n" + "  \n".join(map(plain, said)))
    without = [model.card.name for model in models if model.card.maps_size is None]
    st.caption(
        "Beside each face: what spoke for the answer, bright on a scale of its own, in the order of the models. The "
        "number is the row in the file." + (f" {covering_words(without)}" if without else "")
    )


def _where(model: EmotionModel, images: np.ndarray, read: np.ndarray) -> list[np.ndarray]:
    """The map of an answer over every face: uint8 of shape (SHOWN_PX, SHOWN_PX, 3) each, blue first."""
    card = model.card
    crops = scale_to(images, card.crop_size)
    maps = model.explain(crops)
    edge = (card.crop_size - card.input_size) // 2
    seen = [_enlarged(crop[edge : edge + card.input_size, edge : edge + card.input_size]) for crop in crops]
    return [overlay_map(face, maps[i, :, :, read[i]]) for i, face in enumerate(seen)]


def _enlarged(image: np.ndarray) -> np.ndarray:
    larger = cv2.resize(image, (SHOWN_PX, SHOWN_PX), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(larger, cv2.COLOR_GRAY2BGR)


def _side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    gap = np.full((SHOWN_PX, _GAP_PX, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.hstack(parts[1:])
