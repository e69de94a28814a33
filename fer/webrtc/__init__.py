"""A browser's live pictures in, processed ones out, none older than need be. Knows nothing of Streamlit or faces."""
