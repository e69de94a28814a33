"""The camera, live: every face labelled on the very picture that was read, and graphs that move with it."""

import streamlit as st

from fer.ui import camera, controls
from fer.ui.example import read_example, show_example
from fer.ui.live import pieces, recording
from fer.ui.loaders import file_version
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Live")
st.caption("Every face in view, labelled on the very picture that was read. An expression is not a feeling.")

top_of_sidebar = st.sidebar.container()
settings, pipeline = controls.choose_reading(live=True, locked=pieces.explain_lock())
with top_of_sidebar:
    wanted = pieces.draw_switches(pipeline.reader.detector)
session = pieces.open_session(pipeline, wanted)
shown = read_example(settings, file_version(settings.model))

picture, answer = st.columns(2, gap="medium")
with picture:
    agreed = camera.ask_consent()
    streams = agreed and camera.choose_way("live_way")
    if streams:
        playing = camera.show_stream("live_camera", session.process)
        pieces.begin_anew(session, playing=playing)
        if not playing and session.snapshot().frame is None:
            show_example(shown)
        pieces.show_status(session, playing=playing)
        recording.show_controls(session, pipeline, playing=playing)
        pieces.show_stages(session, playing=playing)
    elif agreed:
        taken_bgr = camera.take_snapshot("live_snapshot")
    else:
        show_example(shown)
with answer:
    if agreed and not streams:
        pieces.read_still(taken_bgr, pipeline, wanted)
    else:
        pieces.draw_graphs(session, shown.snapshot, playing=streams and playing)
