"""A map of a data set's faces by what a model says of them; pointing at a point shows the face."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from fer.charts.datasets import ColourBy, feature_map_points
from fer.charts.parts import percent
from fer.contact_sheet import data_uri
from fer.datasets import SPLITS, FaceDataset
from fer.datasets.dataset import ALL
from fer.errors import FerError
from fer.evaluation import learned_from
from fer.recognition import EmotionModel
from fer.ui.loaders import file_version, list_models, open_model
from fer.ui.shared import draw_chart, in_turn, remember_result
from fer.ui.style import plain

if TYPE_CHECKING:
    from fer.evaluation.features import Method  # scikit-learn's t-SNE takes a moment to import

METHODS: "dict[Method, str]" = {"pca": "PCA", "tsne": "t-SNE"}
_COLOURS: dict[ColourBy, str] = {"label": "Labels", "error": "Errors"}


def show_map(dataset: FaceDataset) -> None:
    """Lay faces out so that those which a model reads alike lie close together."""
    models = list_models()
    if not models:
        st.info("No model is installed, and the map shows faces as a model sees them.", icon=":material/scatter_plot:")
        return
    splits = [split for split in SPLITS if len(dataset.select(split))]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox("Model", models, key="map_model", width=200)
        split = st.selectbox(
            "Faces",
            splits,
            index=splits.index("PrivateTest") if "PrivateTest" in splits else 0,
            format_func=lambda split: "All Usages" if split == ALL else split,
            key="map_split",
            width=160,
        )
        method = st.segmented_control(
            "Laid out by",
            list(METHODS),
            default="pca",
            required=True,
            format_func=METHODS.__getitem__,
            key="map_method",
        )
        colour_by = st.segmented_control(
            "Show",
            list(_COLOURS),
            default="label",
            required=True,
            format_func=_COLOURS.__getitem__,
            key="map_colour",
        )
    try:
        model = open_model(name)
        table = _laid_out(model, dataset, split, method)
    except FerError as error:
        st.error(plain(str(error)), icon=":material/scatter_plot:")
        return
    right = float(table["right"].mean())
    draw_chart(
        feature_map_points(table, colour_by),
        key="map",
        alt=f"A map of {len(table):,} faces by what {name} says of them; {percent(right)} are read as labelled",
    )
    is_seen = learned_from(model.card, dataset.select(split)).any()
    unknown = [name for name in dataset.classes if name not in model.card.classes]
    st.caption(
        plain(
            f"{len(table):,} of {len(dataset.select(split)):,} faces, drawn at random with a fixed seed"
            + (f"; the model does not know {' or '.join(unknown)}. " if unknown else ". ")
            + f"{percent(right, 1)} "
            f"of them are read as labelled (one reading a face, not averaged)"
            + (", but the model was trained on such faces, so this is no measure. " if is_seen else ". ")
            + "Point at a face to see it; drag to move, turn the wheel to zoom, double-click to go back. "
            + (
                "Distances between far groups mean nothing."
                if method == "tsne"
                else "The axes are the two directions in which the model's answers spread most."
            )
        )
    )


def _laid_out(model: EmotionModel, dataset: FaceDataset, split: str, method: "Method") -> pd.DataFrame:
    from fer.evaluation.features import feature_map  # scikit-learn's t-SNE takes a moment to import

    place = st.empty()

    def report(share: float) -> None:
        then = "; laying them out takes about ten seconds more" if method == "tsne" else ""
        place.progress(share, text=f"Reading the faces, {percent(share)}{then}.")

    def make() -> pd.DataFrame:
        rows = dataset.select(split)
        table = feature_map(model, rows, method, progress=report)
        return table.assign(image=[data_uri(np.asarray(rows.images[i]), "webp") for i in table["position"]])

    key = ("map", dataset.digest, model.card.name, file_version(model.card.name), split, method)
    table = remember_result(key, lambda: in_turn(place, make))
    place.empty()
    return table
