"""Installed models, measured on the data set that the page shows: did a training help?"""

import streamlit as st

from fer.datasets import USAGES, FaceDataset
from fer.datasets.dataset import ALL
from fer.evaluation.report import TEST_SPLIT
from fer.ui.models.choice import Entry, Rows, find_models, split_title
from fer.ui.models.faces import show_faces
from fer.ui.models.figures import compare_with_stored, measure_on, rank, show_table
from fer.ui.models.runs import Key, model_digest, open_kept
from fer.ui.style import plain


def show_models(dataset: FaceDataset) -> None:
    """Offer to measure the installed models on these faces; show their figures, and where two of them differ."""
    found, damaged = find_models()
    for sentence in damaged:
        st.warning(plain(sentence), icon=":material/warning:")
    used = [usage for usage in USAGES if (dataset.usage == usage).any()]
    offered = [*used, ALL] if len(used) > 1 else [ALL]
    split = st.segmented_control(
        "Rows",
        offered,
        default=TEST_SPLIT if TEST_SPLIT in offered else ALL,
        required=True,
        format_func=split_title,
        key="measured_rows",
        persist_state="page",
    )
    rows = Rows(dataset.name, split, "none")
    kept = open_kept()
    entries = [
        Entry(
            model,
            model.report.find(rows.data, split),
            kept.get(Key(model_digest(model.name), dataset.digest, split)),
        )
        for model in found
    ]
    ranking = rank(entries, rows.averaging)
    if any(entry.evaluation is not None for entry in entries):
        show_table(ranking, rows)
    else:
        st.caption(
            f"How well do the {len(entries)} installed models read these faces? Your own, once it is trained, stands "
            "among them."
        )
    measure_on(entries, dataset, rows)
    compare_with_stored(ranking.order, rows.averaging)
    if any(entry.result is not None for entry in entries):
        show_faces(ranking.order, rows, dataset)
