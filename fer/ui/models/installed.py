"""What is installed on this machine beside the models: the face detector, which can be fetched, and the data sets."""

import streamlit as st

from fer import paths
from fer.datasets import DATASETS
from fer.detection import load_detector
from fer.errors import FerError
from fer.fetch import fetch_detector
from fer.ui.style import plain


def show_installed() -> None:
    """Show the detector and the data sets, side by side."""
    st.header("Installed on this machine", anchor=False)
    detector, data = st.columns(2, gap="medium")
    with detector:
        show_detector()
    with data:
        show_data_sets()


def show_detector() -> None:
    """Say which face detector runs, and offer to fetch the better one where it is missing."""
    with st.container(border=True, height="stretch"):
        st.markdown("**Face detector**")
        try:
            st.markdown(load_detector().reason)
        except FerError as error:
            st.error(plain(str(error)), icon=":material/error:")
        if paths.find_detector_file() is not None:
            return
        st.caption(
            "YuNet is a file of 0.2 MB from the OpenCV model zoo (MIT licence). It finds more faces, faster, and "
            "turned ones too. Its hash is checked when it is fetched."
        )
        if st.button("Fetch YuNet", icon=":material/download:"):
            try:
                with st.spinner("Fetching 0.2 MB"):
                    fetch_detector()
            except FerError as error:
                st.error(plain(str(error)), icon=":material/cloud_off:")
            else:
                st.rerun()


def show_data_sets() -> None:
    """Say which data sets are here and where they were looked for."""
    with st.container(border=True, height="stretch"):
        st.markdown("**Data sets**")
        for known in DATASETS.values():
            file = paths.find_data_file(known.file_name)
            if file is None:
                st.markdown(
                    f":material/close: {known.title}: `{known.file_name}` is not here. It comes from {known.origin}."
                )
            else:
                st.markdown(f":material/check: {known.title}: {plain(str(file))}")
        folders = ", ".join(f"`{folder}`" for folder in paths.data_dirs())
        st.caption(f"Looked in {folders}. Set FER_DATA_DIR to look elsewhere. Photos are read without any data set.")
