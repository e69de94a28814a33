"""Expressions on demand: a prompt, a countdown, a burst, and a score against the player's own neutral face."""

import streamlit as st

from fer.ui import camera, controls
from fer.ui.acting import pieces
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Acting practice")
st.caption("Show an expression and see how far the model follows. It scores what it sees, not how well you act.")

settings, pipeline = controls.reading_controls(live=True, locked=pieces.why_locked())
session = pieces.visitor_session(settings, pipeline)

if camera.consent():
    live = camera.choose_way("acting_way")
    side, picture = st.columns(2, gap="medium")  # on a phone the prompt stands above the picture
    playing = False
    with picture:
        if live:
            playing = camera.stream("acting_camera", session.process)
        else:
            pieces.photo(session, settings.model)
    with side:
        pieces.stage(session, pipeline.reader.classes, live=live, playing=playing)
    pieces.progress(session.snapshot().practice, pipeline.reader.classes, settings.model)

pieces.how_it_is_scored()
pieces.prompts(pipeline.reader.classes)
