"""A recording in, and out of it everyone's expressions over time: a player with its timeline, numbers, files."""

import streamlit as st

from fer.ui import controls
from fer.ui.navigation import require_entrypoint
from fer.ui.video import choosing, people, pieces

require_entrypoint()

st.title("Video")
st.caption("Everyone in a recording, frame by frame, on a timeline. An expression is not a feeling.")

top_of_sidebar = st.sidebar.container()
settings, pipeline = controls.choose_reading(live=True)
with top_of_sidebar:
    options = choosing.choose_options()

watched = pieces.watched_or_stop(settings, pipeline, options)
shown = people.put_right(watched)

pieces.headline(watched)
pieces.watch(watched, shown)
people.people_cards(watched, shown)
pieces.sums(shown)
pieces.downloads(watched, shown)
pieces.saving(watched, shown)
