"""What was recorded and saved: a list, one session opened, two compared, and how long they are kept."""

import streamlit as st

from fer.ui.navigation import require_entrypoint
from fer.ui.recordings import open_store
from fer.ui.sessions import pieces

require_entrypoint()

st.title("Sessions")
st.caption("What you recorded, moment by moment: numbers about faces, never pictures.")

owner = pieces.require_owner()
pieces.show_troubles()
with pieces.show_store_errors():
    store = open_store()
    saved = store.sessions(owner)
    if saved:
        shown, other = pieces.list_sessions(saved)
        if other is not None:
            pieces.compare_sessions(store, owner, shown, other)
        pieces.show_session(store, owner, shown)
    else:
        pieces.explain_sessions()
    pieces.manage_keeping(store, owner, saved)
