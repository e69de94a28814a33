"""What stands below the first screen of Home: three doors, the limits in plain words, and what is at work."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from fer import paths
from fer.charts.parts import percent
from fer.datasets import DATASETS, data_title
from fer.datasets.ferplus import FERPLUS
from fer.detection import TITLES
from fer.errors import FerError
from fer.evaluation.report import load_report
from fer.evaluation.text import main_evaluation
from fer.pipeline import DEFAULT_MODEL
from fer.ui.controls import settings_so_far
from fer.ui.loaders import open_detector
from fer.ui.style import ASSETS, plain
from fer.ui.words import write_count


@dataclass(frozen=True)
class Door:
    """A way on from Home.

    Attributes:
        title: a verb.
        picture: file of its picture.
        sentence: what one does there.
        pages: name -> script and icon of the pages behind it.
    """

    title: str
    picture: Path
    sentence: str
    pages: dict[str, tuple[str, str]]


DOORS = (
    Door(
        "Teach",
        ASSETS / "teach.svg",
        "See what networks learn from and how well they read, and train one on your own pictures.",
        {"Datasets": ("pages/datasets.py", "dataset"), "Models": ("pages/models.py", "network_node")},
    ),
    Door(
        "Study",
        ASSETS / "study.svg",
        "Read a folder of photos or a recording, moment by moment, and take the numbers with you.",
        {
            "Photos": ("pages/image.py", "photo_camera"),
            "Video": ("pages/video.py", "movie"),
            "Sessions": ("pages/sessions.py", "history"),
        },
    ),
    Door(
        "Play",
        ASSETS / "play.svg",
        "Stand before your camera, see what your face shows as it changes, and practise expressions.",
        {"Live": ("pages/live.py", "videocam"), "Acting": ("pages/acting.py", "theater_comedy")},
    ),
)


def show_doors() -> None:
    """Show the ways on, each with a picture and a sentence."""
    for place, door in zip(st.columns(len(DOORS), gap="medium"), DOORS, strict=True):
        with place.container(border=True, height="stretch"):
            st.image(door.picture.read_text(encoding="utf-8"), width="stretch", alt=f"A drawing: {door.title.lower()}")
            st.header(door.title, anchor=False)
            st.markdown(door.sentence)
            with st.container(horizontal=True, gap="small"):
                for name, (script, icon) in door.pages.items():
                    st.page_link(script, label=name, icon=f":material/{icon}:", width="content")


def show_status() -> None:
    """Say in a line what is at work, and where the rest stands."""
    settings = settings_so_far()
    try:
        finder = TITLES[open_detector(settings.detector).name]
    except FerError:
        finder = "no detector"
    models = write_count(len(paths.find_models()), "model", "models")
    sets = sum(paths.find_data_file(each.file_name) is not None for each in DATASETS.values())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            plain(f"{settings.model} reads, {finder} finds faces. Installed: {models}, ")
            + f"{write_count(sets, 'data set', 'data sets')}.",
            width="content",
        )
        st.page_link("pages/models.py", label="What is installed", width="content")


def _share_read_otherwise() -> str:
    """How often the default model disagrees with what its test faces are called; "" where its report does not say.

    Warns where it is damaged.
    """
    folder = paths.find_models().get(DEFAULT_MODEL)
    try:
        found = None if folder is None else main_evaluation(load_report(folder))
    except FerError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return ""
    if found is None:
        return ""
    share = 1 - found.figures["none"].accuracy
    by = "most raters" if found.stamp.data == FERPLUS else "their label"
    return (
        f"{DEFAULT_MODEL} reads {percent(share)} of {data_title(found.stamp.data)}'s test faces otherwise than {by}. "
    )


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
        "prohibited (AI Act, Article 5(1)(f)), with narrow medical and safety exceptions."
    )
