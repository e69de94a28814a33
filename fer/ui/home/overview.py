"""The pieces of the Home page: a picture of the app at work, what is installed, and the limits in plain words."""

import streamlit as st

from fer import paths, samples
from fer.batch.photos import analyze_photo
from fer.datasets import DATASETS, data_title
from fer.datasets.ferplus import FERPLUS
from fer.detection import load_detector
from fer.drawing import annotate
from fer.errors import FerError, known
from fer.evaluation.installed import DamagedModel, find_installed
from fer.evaluation.report import TEST_SPLIT, Report, load_report
from fer.evaluation.text import headline, main_evaluation, render_calibration_error
from fer.fetch import fetch_detector
from fer.pipeline import DEFAULT_MODEL, Settings
from fer.recognition import ModelCard
from fer.ui.loaders import open_pipeline
from fer.ui.style import describe_result, plain


def show_picture_at_work() -> None:
    """Show the sample with two faces, read by the default model at this moment."""
    sample = samples.SAMPLES["two-faces"]
    try:
        pipeline = open_pipeline(Settings(averaging="flip"))
        image_bgr = sample.load()
    except FerError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    photo = analyze_photo(pipeline, sample.title, lambda: image_bgr).photo
    st.image(
        annotate(image_bgr, photo.faces),
        channels="BGR",
        width="stretch",
        output_format="JPEG",
        alt=describe_result(known(photo.result)),
    )
    st.caption(f"Read by {DEFAULT_MODEL} when this page opened. {sample.credit}")


def show_models() -> None:
    """Show every installed model with its stamped figures, the default one first."""
    installed = find_installed()
    if not installed:
        st.info("No model is installed. The folder models of the checkout holds one; fetch it again.")
    for model in sorted(installed, key=lambda each: each.name != DEFAULT_MODEL):
        with st.container(border=True):
            if isinstance(model, DamagedModel):
                st.markdown(f"**{plain(model.name)}**")
                st.warning(plain(model.error), icon=":material/warning:")
            else:
                _model(model.card, model.report)


def _model(card: ModelCard, report: Report) -> None:
    st.markdown(f"**{plain(card.name)}**")
    st.caption(plain(f"{card.summary}. {len(card.classes)} classes, {card.parameters:,} weights. {card.limits}"))
    folds = report.cross_validation
    found = main_evaluation(report) if folds is None else report.find("fer2013", TEST_SPLIT)
    if found is None:
        st.caption(headline(report))
        return
    if folds is not None:
        st.caption(plain(f"{headline(report)}. The figures below are of FER2013."))
    none, flip = found.figures["none"], found.figures["flip"]
    low, high = none.accuracy_95
    where = f"{data_title(found.stamp.data)} {TEST_SPLIT}"
    on_faces = f"95 % interval {low:.1%} to {high:.1%}, on the {none.n:,} faces of {where}"
    figures = (
        ("Read as labelled", f"{none.accuracy:.1%}", on_faces),
        (
            "Mirrored face averaged in",
            f"{flip.accuracy:.1%}",
            "The same faces; photos are read this way",
        ),
        ("Mean recall by class", f"{none.macro_recall:.1%}", "Every expression counts the same"),
        (
            "Calibration error",
            render_calibration_error(found, none),
            "How far the stated probabilities are off, on average",
        ),
    )
    with st.container(horizontal=True):
        for label, value, meaning in figures:
            st.metric(label, value, help=meaning)
    stamp = found.stamp
    without, copies = none.accuracy_without_copies, ""
    if without is not None:
        copies = (
            f"{stamp.copies_in_training} have an exact copy among the training faces; without those {without:.1%}. "
        )
    seen = "Seen in training, so this says nothing about new faces: " if stamp.seen_in_training else ""
    protocol = (
        f"{seen}{where}, {stamp.n:,} faces, 95 % interval {low:.1%} to {high:.1%}. {copies}"
        f"Checkpoint selected by {stamp.selected_by}. Measured {stamp.date}, code {stamp.code_version}."
    )
    st.caption(plain(protocol))


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


def _share_read_otherwise() -> str:
    """How often the default model disagrees with what its test faces are called; "" where its report does not say."""
    folder = paths.find_models().get(DEFAULT_MODEL)
    try:
        found = None if folder is None else main_evaluation(load_report(folder))
    except FerError:
        found = None
    if found is None:
        return ""
    share = 1 - found.figures["none"].accuracy
    by = "most raters" if found.stamp.data == FERPLUS else "their label"
    return f"{DEFAULT_MODEL} reads {share:.0%} of {data_title(found.stamp.data)}'s test faces otherwise than {by}. "


def show_limits() -> None:
    """The limits, in plain words."""
    st.markdown(
        "- **An expression is not a feeling.** The network names what a face shows, as a few people labelled such "
        "faces once. What someone feels, thinks or intends is not in the picture.\n"
        f"- **It is often wrong.** {_share_read_otherwise()}People, asked for the same labels, were right on "
        "65 \u00b1 5 % (Goodfellow et al. 2013). Fear and disgust fare worst.\n"
        "- **It may fail some people more than others.** FER2013 is a web search of 2013 and says nothing about "
        "whom it shows, so nobody can tell from it for whom the readings hold.\n"
        "- **Some uses are forbidden.** In the European Union, inferring emotions of people at work or in education is "
        "prohibited (AI Act, Article 5(1)(f)), with narrow medical and safety exceptions.\n"
        "- **Photos stay here.** They are read in this machine's memory, are never written to disk, and no page loads "
        "anything from another host."
    )
