"""What was recorded and saved: a list, one session opened, two compared, and how long they are kept."""

import streamlit as st

from fer.ui.navigation import require_entrypoint
from fer.ui.recordings import open_store
from fer.ui.sessions import pieces

require_entrypoint()

st.title("Sessions")
st.caption("What you recorded, moment by moment: numbers about faces, never pictures.")

owner = pieces.owner_or_stop()
pieces.troubles()
with pieces.told():
    store = open_store()
    saved = store.sessions(owner)
    if saved:
        shown, other = pieces.listing(saved)
        if other is not None:
            pieces.compared(shown, other)
        pieces.opened(store, owner, shown)
    else:
        pieces.nothing_yet()
    pieces.keeping(store, owner, saved)
