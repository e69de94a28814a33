"""Expressions on demand: a prompt, a countdown, a burst, and a score against the player's own neutral face."""

import streamlit as st

from fer.ui import camera, controls
from fer.ui.acting import pieces
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Acting practice")
st.caption("Show an expression and see how far the model follows. It scores what it sees, not how well you act.")

settings, pipeline = controls.choose_reading(live=True, locked=pieces.explain_lock())
session = pieces.open_session(settings, pipeline)

if camera.ask_consent():
    live = camera.choose_way("acting_way")
    side, picture = st.columns(2, gap="medium")  # on a phone the prompt stands above the picture
    playing = False
    with picture:
        if live:
            playing = camera.show_stream("acting_camera", session.process)
        else:
            pieces.take_photo(session, settings.model)
    with side:
        pieces.show_stage(session, pipeline.reader.classes, live=live, playing=playing)
    pieces.show_progress(session.snapshot().practice, pipeline.reader.classes, settings.model)

pieces.explain_scores()
pieces.show_prompts(pipeline.reader.classes)
