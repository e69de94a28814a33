"""The entry script, and the server that runs it: page settings, logo and navigation, nothing else."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if get_script_run_ctx(suppress_warning=True) is None:
    # `streamlit run` imports this file once to find the server, and then runs it for every visitor. What they need and
    # the server does not is loaded beside the first visitor's browser.
    from fer.ui import server
    from fer.ui.video import pictures

    app = st.App(__file__, routes=pictures.routes(), lifespan=server.lifespan, middleware=server.middleware())
else:
    from fer.ui import style
    from fer.ui.navigation import enter

    style.apply()
    enter().run()
