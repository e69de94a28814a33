"""A data set, looked into: its counts, its faces and what is wrong with it."""

import streamlit as st

from fer.datasets import FaceDataset
from fer.ui import dataset_choice, dataset_views
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Datasets")
st.caption("What networks learn expressions from: how many faces of which class, what they look like, what is wrong.")

dataset = dataset_choice.choose_dataset()
if not isinstance(dataset, FaceDataset):
    st.stop()

dataset_views.header(dataset)
dataset_views.counts(dataset.counts(), dataset_choice.title_of(dataset))

VIEWS = {
    "Faces": dataset_views.faces,
    "Side by side": dataset_views.side_by_side,
}
for tab, view in zip(
    st.tabs(list(VIEWS), on_change="rerun", key="view", bind="query-params"), VIEWS.values(), strict=True
):
    if tab.open:
        with tab:
            view(dataset)
