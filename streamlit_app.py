"""The entry script, and the server that runs it: page settings, logo and navigation, nothing else."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fer.ui import server, style
from fer.ui.navigation import enter
from fer.ui.video import pictures

if get_script_run_ctx(suppress_warning=True) is None:
    # `streamlit run` imports this file once to find the server, and then runs it for every visitor.
    app = st.App(__file__, routes=pictures.routes(), lifespan=server.lifespan, middleware=server.middleware())
else:
    style.apply()
    enter().run()
