"""What was recorded and saved: a list, one session opened, two compared, and how long they are kept."""

import streamlit as st

from fer.ui import sessions
from fer.ui.navigation import require_entrypoint
from fer.ui.saving import open_store

require_entrypoint()

st.title("Sessions")
st.caption("What you recorded, moment by moment: numbers about faces, never pictures.")

owner = sessions.owner_or_stop()
sessions.troubles()
with sessions.told():
    store = open_store()
    saved = store.sessions(owner)
    if saved:
        shown, other = sessions.listing(saved)
        if other is not None:
            sessions.compared(shown, other)
        sessions.opened(store, owner, shown)
    else:
        sessions.nothing_yet()
    sessions.keeping(store, owner, saved)
