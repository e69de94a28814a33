"""The installed models, beside each other: what they reach on which faces, what they get wrong, what they cost."""

import streamlit as st

from fer.ui.models import choice, details, faces, figures, installed, lesson, tryout, verdict
from fer.ui.navigation import require_entrypoint
from fer.ui.style import plain

require_entrypoint()

st.title("Models")
st.caption("How well the networks read faces, and how that was measured. No figure here stands without its protocol.")

found, damaged = choice.find_models()
for sentence in damaged:
    st.warning(plain(sentence), icon=":material/warning:")
if not found:
    st.info("No model is installed that can be shown. The folder `models` of the checkout holds one; fetch it again.")
    st.stop()

read = verdict.find_readings(found)
verdict.say_verdict(read, found)
picture, face = st.columns([3, 2], gap="large")
with picture:
    verdict.draw_verdict(read)
with face:
    tryout.try_them(found)

st.header("Every figure", anchor=False)
models = choice.choose_models(found)
rows = choice.choose_rows(found)
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
tabs = st.tabs(list(views), on_change="rerun", key="models_view", bind="query-params")
for tab, view in zip(tabs, views.values(), strict=True):
    if tab.open:  # the others wait
        with tab:
            view(ranking.order, rows, dataset)

installed.show_installed()
