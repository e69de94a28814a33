"""The camera, live: every face labelled on the very picture that was read, and graphs that move with it."""

import streamlit as st

from fer.ui import camera, controls
from fer.ui.example import example, example_picture
from fer.ui.live import pieces, recording
from fer.ui.loaders import file_version
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Live")
st.caption("Every face in view, labelled on the very picture that was read. An expression is not a feeling.")

top_of_sidebar = st.sidebar.container()
settings, pipeline = controls.reading_controls(live=True, locked=pieces.why_locked())
with top_of_sidebar:
    wanted = pieces.switches(pipeline.reader.detector)
session = pieces.visitor_session(pipeline, wanted)
shown = example(settings, file_version(settings.model))

picture, answer = st.columns(2, gap="medium")
with picture:
    agreed = camera.consent()
    streams = agreed and camera.choose_way("live_way")
    if streams:
        playing = camera.stream("live_camera", session.process)
        pieces.begin_anew(session, playing=playing)
        if not playing and session.snapshot().frame is None:
            example_picture(shown)
        pieces.picture_status(session, playing=playing)
        recording.recording_controls(session, pipeline, playing=playing)
        pieces.stages(session, playing=playing)
    elif agreed:
        taken_bgr = camera.snapshot("live_snapshot")
    else:
        example_picture(shown)
with answer:
    if agreed and not streams:
        pieces.still(taken_bgr, pipeline, wanted)
    else:
        pieces.graphs(session, shown.snapshot, playing=streams and playing)
