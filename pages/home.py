import streamlit as st
from fer.ui.navigation import require_entrypoint
require_entrypoint()
st.title("Home")
