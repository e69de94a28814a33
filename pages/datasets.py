"""A data set, looked into: its counts, its faces and what is wrong with it."""

import streamlit as st

from fer.datasets import KnownDataset, data_title
from fer.ui.datasets import choice, contents, face_map, faults
from fer.ui.models import on_data
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Datasets")
st.caption("What networks learn expressions from: how many faces of which class, what they look like, what is wrong.")

dataset = choice.choose_dataset()
if isinstance(dataset, KnownDataset):
    contents.show_missing(dataset)
    st.stop()
if dataset is None:
    st.stop()

contents.show_header(dataset)
contents.show_counts(dataset.counts(), data_title(dataset.name))

views = {
    "Faces": contents.show_faces,
    "Averages": contents.show_averages,
    "Side by side": contents.show_side_by_side,
    "Map": face_map.show_map,
    "Duplicates and leaks": faults.show_duplicates,
    "Label noise": faults.show_label_noise,
    "Balancing": faults.show_balancing,
    "Subjects": contents.show_subjects,
    "Models on it": on_data.show_models,
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
