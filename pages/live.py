"""The camera, live: every face labelled on the very picture that was read, and graphs that move with it."""

import streamlit as st

from fer.ui import camera, controls
from fer.ui.example import read_example, show_example
from fer.ui.live import pieces, recording
from fer.ui.loaders import file_version
from fer.ui.navigation import require_entrypoint

require_entrypoint()

pieces.leave_room()
top = st.container(horizontal=True, vertical_alignment="center", gap="large")
with top:
    st.title("Live", width="content")

settings, pipeline = controls.choose_reading(live=True, locked=pieces.explain_lock())
picture, answer = st.columns([11, 8], gap="medium")
with picture:
    stage, under = st.container(), st.container()
with under:
    wanted = pieces.draw_switches(pipeline.reader.detector)
session = pieces.open_session(pipeline, wanted)
shown = read_example(settings, file_version(settings.model))

with stage:
    agreed = camera.ask_consent()
    with top:
        streams = agreed and camera.choose_way("live_way")
    if streams:
        playing = camera.show_stream("live_camera", session.process)
        pieces.begin_anew(session, playing=playing)
        if not playing and session.snapshot().frame is None:
            show_example(shown)
        pieces.show_ribbon(session, shown.snapshot, playing=playing)
        pieces.show_status(session, playing=playing)
        recording.show_controls(session, pipeline, playing=playing)
    elif agreed:
        taken_bgr = camera.take_snapshot("live_snapshot")
    else:
        show_example(shown)
if streams:
    with under:
        pieces.show_stages(session, playing=playing)
with answer:
    if agreed and not streams:
        pieces.read_still(taken_bgr, pipeline, wanted)
    else:
        pieces.draw_graphs(session, shown.snapshot, playing=streams and playing)
st.caption("An expression is not a feeling.")
