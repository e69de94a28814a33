"""The installed models, beside each other: what they reach on which faces, what they get wrong, what they cost."""

import streamlit as st

from fer.ui.models import choice, details, faces, figures, lesson, tryout, verdict
from fer.ui.navigation import require_entrypoint
from fer.ui.style import plain

require_entrypoint()

st.title("Models")
st.caption("How well the networks read faces, and how that was measured. No figure here stands without its protocol.")

installed, damaged = choice.find_models()
for sentence in damaged:
    st.warning(plain(sentence), icon=":material/warning:")
if not installed:
    st.info("No model is installed that can be shown. The folder `models` of the checkout holds one; fetch it again.")
    st.stop()

read = verdict.find_readings(installed)
verdict.say_verdict(read, installed)
picture, face = st.columns([3, 2], gap="large")
with picture:
    verdict.draw_verdict(read)
with face:
    tryout.try_them(installed)

st.header("Every figure", anchor=False)
models = choice.choose_models(installed)
rows = choice.choose_rows(installed)
if not models:
    st.info("Choose a model.", icon=":material/touch_app:")
    st.stop()

entries, dataset = choice.find_entries(models, rows)
ranking = figures.rank(entries, rows.averaging)
figures.show_table(ranking, rows)
figures.measure_here(entries, rows)
figures.compare_with_stored(ranking.order, rows.averaging)

views = {
    "Confusion": details.show_confusions,
    "By class": details.show_classes,
    "Calibration": details.show_calibration,
    "Speed and size": details.show_cost,
    "Other data": details.show_other_data,
    "Faces": faces.show_faces,
    "Training": details.show_curves,
    "Cards": details.show_cards,
    "How copies fake 82 %": lesson.tell_lesson,
}
# The tab that is open runs, the others wait.
for tab, view in zip(
    st.tabs(list(views), on_change="rerun", key="models_view", bind="query-params"), views.values(), strict=True
):
    if tab.open:
        with tab:
            view(ranking.order, rows, dataset)
