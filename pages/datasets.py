"""A data set, looked into: its counts, its faces and what is wrong with it."""

import streamlit as st

from fer.datasets import KnownDataset
from fer.ui import dataset_choice, dataset_faults, dataset_map, dataset_views
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Datasets")
st.caption("What networks learn expressions from: how many faces of which class, what they look like, what is wrong.")

dataset = dataset_choice.choose_dataset()
if isinstance(dataset, KnownDataset):
    dataset_views.missing(dataset)
    st.stop()
if dataset is None:
    st.stop()

dataset_views.header(dataset)
dataset_views.counts(dataset.counts(), dataset_choice.title_of(dataset))

views = {
    "Faces": dataset_views.faces,
    "Averages": dataset_views.averages,
    "Side by side": dataset_views.side_by_side,
    "Map": dataset_map.face_map,
    "Duplicates and leaks": dataset_faults.duplicates,
    "Label noise": dataset_faults.label_noise,
    "Balancing": dataset_faults.balancing,
    "Subjects": dataset_views.subjects,
}
# Only FER2013 was voted on, and only other sets may say who is seen.
del views["Subjects" if dataset.name == "fer2013" else "Label noise"]

# The tab that is open runs, the others wait.
for tab, view in zip(
    st.tabs(list(views), on_change="rerun", key="view", bind="query-params"), views.values(), strict=True
):
    if tab.open:
        with tab:
            view(dataset)
