"""The sidebar's controls: how faces are found and read. Every one keeps its value from page to page."""

from pathlib import Path

import streamlit as st

from fer import paths
from fer.detection import LIVE_SIDES, MIN_SCORE, STILL_SIDES, TITLES, available_detectors
from fer.errors import FerError
from fer.evaluation.report import load_report
from fer.evaluation.strangers import in_short
from fer.evaluation.text import headline
from fer.pipeline import DEFAULT_MODEL, FacePipeline, Settings
from fer.recognition import ModelCard
from fer.ui.loaders import list_models, open_pipeline
from fer.ui.style import plain


def choose_reading(*, live: bool = False, locked: str | None = None) -> tuple[Settings, FacePipeline]:
    """Draw the controls and open what they choose; a page without a usable model ends here with a sentence.

    Args:
        live: read for speed: no mirrored face averaged in, and faces looked for in a smaller copy of the picture.
        locked: why model and detector cannot be changed now, in a sentence; None where they can.
    """
    models = list_models()
    if not models:
        st.error("No model is installed. The folder `models` of the checkout holds one; fetch it again.")
        st.stop()
    with st.sidebar:
        model = st.selectbox(
            "Model",
            models,
            key="model",
            bind="query-params",
            disabled=locked is not None,
        )
        about = st.empty()
        detector = st.selectbox(
            "Detector",
            ["auto", *available_detectors()],
            format_func=lambda name: "Automatic" if name == "auto" else TITLES[name],
            key="detector",
            persist_state="session",
            disabled=locked is not None,
        )
        reason = st.empty()
        if locked is not None:
            st.info(locked, icon=":material/lock:")
        min_score = st.slider(
            "Least detector score",
            0.3,
            0.95,
            MIN_SCORE,
            0.05,
            key="min_score",
            persist_state="session",
            help="Lower finds more faces, and more that are none. Scores of different detectors do not compare.",
        )
        margin_percent = st.slider(
            "Crop margin",
            0,
            50,
            0,
            5,
            format="%d %%",
            key="margin_percent",
            persist_state="session",
            help="0 % frames a face as tightly as the faces that the network was trained on. Wider reads worse.",
        )
    margin = margin_percent / 100
    settings = Settings(
        model, detector, "none" if live else "flip", min_score, margin, LIVE_SIDES if live else STILL_SIDES
    )
    try:
        pipeline = open_pipeline(settings)
        about_it, figures = _about(paths.find_models()[model])
        about.caption(plain(about_it), help=plain(figures))
    except FerError as error:
        st.error(plain(str(error)))
        st.stop()
    reason.caption(pipeline.reader.detector_reason)
    return settings, pipeline


def settings_so_far() -> Settings:
    """How photos are read by what the visitor chose on any page, for one that draws no controls."""
    state = st.session_state
    model = state.get("model", DEFAULT_MODEL)
    return Settings(
        model if model in list_models() else DEFAULT_MODEL,
        state.get("detector", "auto"),
        "flip",
        state.get("min_score", MIN_SCORE),
        state.get("margin_percent", 0) / 100,
    )


def _about(folder: Path) -> tuple[str, str]:
    """What a model is for, where it fails and how it reads either kind of faces; and its main figure's protocol."""
    card, report = ModelCard.read(folder), load_report(folder)
    return f"{card.purpose} {card.fails} {in_short(card.name, report)}", f"{headline(report)}."
