"""The entry script: page settings, logo and navigation, nothing else."""

import streamlit as st

from fer.ui import style
from fer.ui.navigation import enter
from fer.ui.uploads import keep_uploads_in_memory

keep_uploads_in_memory()
st.set_page_config(page_title="fer", page_icon=style.ICON, layout="wide")
st.logo(style.ICON, size="large")
style.apply()
enter().run()
