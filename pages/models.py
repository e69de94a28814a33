"""The installed models, beside each other: what they reach on which faces, what they get wrong, what they cost."""

import streamlit as st

from fer.ui import model_choice, model_faces, model_figures, model_lesson, model_views
from fer.ui.navigation import require_entrypoint
from fer.ui.style import plain

require_entrypoint()

st.title("Models")
st.caption("How well the networks read faces, and how that was measured. No figure here stands without its protocol.")

installed, damaged = model_choice.installed_models()
for sentence in damaged:
    st.warning(plain(sentence), icon=":material/warning:")
if not installed:
    st.info("No model is installed that can be shown. The folder `models` of the checkout holds one; fetch it again.")
    st.stop()

models = model_choice.choose_models(installed)
rows = model_choice.choose_rows(installed)
if not models:
    st.info("Choose a model.", icon=":material/touch_app:")
    st.stop()

entries, dataset = model_choice.entries(models, rows)
ranking = model_figures.rank(entries, rows.way)
model_figures.table(ranking, rows)
model_figures.measure_here(entries, rows)
model_figures.against_stored(ranking.order, rows.way)

views = {
    "Confusion": model_views.confusions,
    "By class": model_views.classes,
    "Calibration": model_views.calibration,
    "Speed and size": model_views.cost,
    "Other data": model_views.across,
    "Faces": model_faces.faces,
    "Training": model_views.curves,
    "Cards": model_views.cards,
    "How 82 % came about": model_lesson.lesson,
}
# The tab that is open runs, the others wait.
for tab, view in zip(
    st.tabs(list(views), on_change="rerun", key="models_view", bind="query-params"), views.values(), strict=True
):
    if tab.open:
        with tab:
            view(ranking.order, rows, dataset)
