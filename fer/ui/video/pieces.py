"""The pieces of the Video page: what is being looked at, the player, sums, a stretch in numbers, downloads."""

from collections.abc import Callable
from functools import partial
from pathlib import PurePath

import streamlit as st

from fer.charts.counts import count_columns, count_pie
from fer.charts.parts import percent
from fer.detection import TITLES
from fer.errors import FerError, StoreError
from fer.pipeline import FacePipeline, Settings
from fer.recording import Span
from fer.store import MAX_NAME
from fer.ui.loaders import file_version
from fer.ui.recordings import open_store
from fer.ui.shared import draw_moving_chart
from fer.ui.shares import waiting_words
from fer.ui.style import plain
from fer.ui.video import player
from fer.ui.video.choosing import choose_source
from fer.ui.video.people import Shown
from fer.ui.video.pictures import blank_file
from fer.ui.video.watching import Clip, Task, Watched, watched_sample
from fer.ui.visitor import find_owner
from fer.ui.words import write_count, write_duration
from fer.video.formats import FORMATS, PICTURE_ENDING, write_zip
from fer.video.looking import VideoOptions
from fer.video.reading import clock
from fer.video.summary import PersonSummary, summarize_people

_TASK = "video_work"
"""The navigation looks there, too."""
_TELL_EVERY_S = 0.5
_LEAST_SHARE = 0.05
"""A smaller share of a stretch is not told."""


def watched_or_stop(settings: Settings, pipeline: FacePipeline, options: VideoOptions) -> Watched:
    """What was seen in the visitor's video, or in the sample; a page for which there is nothing yet ends here."""
    way, clip = choose_source()
    task: Task | None = st.session_state.get(_TASK)
    if clip is not None and (task is None or task.clip.key != clip.key):
        _begin(clip, settings, pipeline, options)
        task = st.session_state[_TASK]
    if way == "sample" or task is None:
        st.caption("Videos stay on this machine and are gone when you leave. Until you bring one, this is a sample.")
        try:
            return watched_sample(settings, file_version(settings.model), options)
        except FerError as error:
            st.info(plain(str(error)), icon=":material/image_not_supported:")
            st.stop()
    if not task.is_done:
        with st.container():
            _progress(task)
        st.stop()
    if task.error is not None or task.watched is None:
        st.error(plain(task.error or "Nothing was seen."), icon=":material/broken_image:")
        _again(task, settings, pipeline, options)
        st.stop()
    if clip is None:
        st.caption(f"This is {plain(task.clip.name)}, which you brought before.")
    if task.watched.result.was_cancelled or (task.settings, task.options) != (settings, options):
        _again(task, settings, pipeline, options)
    return task.watched


def _begin(clip: Clip, settings: Settings, pipeline: FacePipeline, options: VideoOptions) -> None:
    if _TASK in st.session_state:
        st.session_state[_TASK].stop()
    st.session_state[_TASK] = Task(clip, settings, options, pipeline)


def _again(task: Task, settings: Settings, pipeline: FacePipeline, options: VideoOptions) -> None:
    """Offer to look at a video again, the way that is chosen now."""
    st.button(
        "Look again, as chosen now",
        icon=":material/replay:",
        key="video_again",
        on_click=_begin,
        args=(task.clip, settings, pipeline, options),
    )


@st.fragment(run_every=_TELL_EVERY_S)
def _progress(task: Task) -> None:
    """Say how far the work is, and offer the way out."""
    if task.is_done:
        st.rerun()
    progress = task.progress
    with st.container(border=True):
        if progress is None:
            waits = "Opening" if task.before is None else f"{waiting_words(task.before)}:"
            st.progress(0.0, text=f"{waits} {plain(task.clip.name)}")
        else:
            of = "" if progress.duration_s is None else f" of {clock(progress.duration_s)}"
            left = "" if progress.left_s is None else f", {write_duration(progress.left_s)} left"
            st.progress(
                progress.share or 0.0,
                text=f"{plain(task.clip.name)}: {clock(progress.time_s)}{of}, "
                f"{write_count(progress.looks, 'look', 'looks')}{left}",
            )
        st.button("Stop and keep what is done", icon=":material/stop:", key="video_stop", on_click=task.stop)
        st.caption("It goes on while you look at other pages.")


def headline(watched: Watched) -> None:
    """Say what was looked at and how, and what was not as it should be."""
    result = watched.result
    st.header(plain(result.name))
    looks = int(result.timeline.looked.sum())
    people = write_count(len(result.people), "person", "people")
    st.caption(
        f"{clock(result.timeline.end_s)}, {write_count(len(result.timeline), 'frame', 'frames')}, "
        f"{write_count(looks, 'look', 'looks')} in {write_duration(result.elapsed_s)}, {people}; read by "
        f"{plain(result.reader.model)}, faces found by {TITLES.get(result.reader.detector, result.reader.detector)}."
    )
    for warning in result.warnings:
        st.warning(plain(warning), icon=":material/warning:")


@st.fragment
def watch(watched: Watched, shown: Shown) -> None:
    """The player with its timeline, and under it the stretch that is selected there, in numbers."""
    span = player.player(_data(watched, shown), watched.key)
    hidden = len(shown.summary.people) - player.MOST_LANES
    if hidden > 0:
        st.caption(f"{write_count(hidden, 'person has', 'people have')} no lane; the tables hold everyone.")
    with st.container(border=True):
        if span is None:
            st.caption("Drag along the times above the lanes to see a stretch in numbers.")
            return
        st.markdown(f"**{clock(span.start_s)} to {clock(span.end_s)}**")
        seen = summarize_people(shown.result.timeline, span.start_s, span.end_s)
        for person in seen:
            st.markdown(_stretch(person, span))
        if not seen:
            st.markdown("Nobody was seen.")


def _data(watched: Watched, shown: Shown) -> dict[str, object]:
    """What the player draws, made once for a session."""
    key, data = st.session_state.get("_video_data", (None, {}))
    if key != shown.key:
        data = player.pack(watched, shown.result.timeline, shown.result.people, shown.summary)
        st.session_state["_video_data"] = (shown.key, data)
    return data


def _stretch(person: PersonSummary, span: Span) -> str:
    ranked = sorted(person.shares.items(), key=lambda pair: -pair[1])
    shares = ", ".join(f"{name} {percent(share)}" for name, share in ranked if share >= _LEAST_SHARE)
    seen = person.seen_s / (span.end_s - span.start_s)
    who = plain(_title(person.person, {person.person: person.name}))
    return f"- {who}: {shares}" + ("" if seen > 0.99 else f"; seen {percent(seen)} of the time")


def sums(shown: Shown) -> None:
    """The same charts as a session's: of everyone or of one person, how often each expression was seen."""
    people = shown.summary.people
    if not people:
        return
    st.header("Summary")
    names = {person.person: person.name for person in people}
    chosen = None
    if len(people) > 1:
        chosen = st.selectbox(
            "Who",
            [None, *names],
            format_func=lambda number: "Everyone" if number is None else _title(number, names),
            key="video_who",
        )
    timeline = shown.result.timeline
    own = ~timeline.interpolated if chosen is None else ~timeline.interpolated & (timeline.person == chosen)
    labels = timeline.labels[own]
    counts = {name: int((labels == i).sum()) for i, name in enumerate(timeline.names_of_labels)}
    columns, pie = st.columns([3, 2])
    words = ", ".join(f"{name} {n:,}" for name, n in counts.items())
    with columns:
        draw_moving_chart(
            count_columns(counts), key="video_columns", alt=f"How many readings show each expression: {words}"
        )
    with pie:
        draw_moving_chart(count_pie(counts), key="video_pie", alt=f"Which share of the readings each has: {words}")
    st.caption("Readings are faces in frames that were looked at; each counts for what it is called.")
    st.dataframe(
        [
            {
                "who": _title(spell.person, {spell.person: spell.name}),
                "expression": spell.label,
                "from": clock(spell.start_s),
                "until": clock(spell.end_s),
                "lasted": spell.end_s - spell.start_s,
                "confidence": 100 * spell.confidence,
            }
            for spell in shown.summary.longest
        ],
        hide_index=True,
        height="content" if len(shown.summary.longest) <= 6 else 250,
        alt="The longest spells of each expression",
        column_config={
            "who": "Who",
            "expression": "Longest spells of",
            "from": "From",
            "until": "Until",
            "lasted": st.column_config.NumberColumn("Lasted", format="%.1f s"),
            "confidence": st.column_config.NumberColumn("Mean probability", format="%.0f %%"),
        },
    )


def _title(number: int, names: dict[int, str]) -> str:
    return f"Person {number}" if names[number] == str(number) else names[number]


def downloads(watched: Watched, shown: Shown) -> None:
    """Offer everything in one ZIP, and each part of it; every file is made when it is asked for."""
    st.header("Downloads")
    result = shown.result
    stem = PurePath(result.name).stem or "video"

    def offer(label: str, name: str, mime: str, make: Callable[[], bytes], icon: str, key: str) -> None:
        st.download_button(label, make, name, mime, icon=icon, on_click="ignore", key=f"video_{key}_{watched.key}")

    with st.container(horizontal=True):
        offer(
            "Everything (ZIP)",
            f"{stem}.zip",
            "application/zip",
            partial(pack_all, watched, shown),
            ":material/folder_zip:",
            "zip",
        )
        if watched.picture is not None:
            # Not as a download button: Streamlit would hold the whole video in memory.
            where = watched.picture.url_to_keep(stem + PICTURE_ENDING)
            st.link_button("Annotated video", where, icon=":material/movie:")
        offer(
            "Table (CSV)", f"{stem}.csv", "text/csv", partial(FORMATS["csv"].write, result), ":material/table:", "csv"
        )
        with st.popover("Other formats", icon=":material/download:"):
            for name, format_ in FORMATS.items():
                if name != "csv":
                    offer(
                        format_.title,
                        stem + format_.ending,
                        "application/octet-stream",
                        partial(format_.write, result),
                        ":material/download:",
                        name,
                    )
    st.caption("The ZIP also says how it came about: settings, model, digest of the file, the command to repeat it.")


def saving(watched: Watched, shown: Shown) -> None:
    """Offer to save the numbers among the visitor's sessions, where they can be compared with others."""
    owner = find_owner()
    if owner is None or not shown.summary.people:
        return
    saved: dict[tuple, int] = st.session_state.setdefault("_video_saved", {})
    with st.container(horizontal=True, vertical_alignment="center"):
        if shown.key in saved:
            st.page_link(
                "pages/sessions.py",
                label="Open among your sessions",
                icon=":material/history:",
                query_params={"session": str(saved[shown.key])},
            )
        elif st.button("Save as a session", icon=":material/save:", key="video_save"):
            reader = watched.result.reader
            try:
                with st.spinner("Saving"):
                    saved[shown.key] = open_store().save(
                        owner,
                        shown.result.timeline.looks(),
                        name=shown.result.name[:MAX_NAME].strip() or "Video",
                        kind="video",
                        model=reader.model,
                        detector=reader.detector,
                        classes=reader.classes,
                    )
            except StoreError as error:
                st.error(plain(str(error)), icon=":material/database_off:")
            else:
                st.rerun()
        st.caption("A session keeps numbers, never pictures or names.")


def pack_all(watched: Watched, shown: Shown) -> bytes:
    """Everything in one ZIP."""
    picture = None if watched.picture is None else watched.picture.opened()
    with blank_file() as file:
        write_zip(file, shown.result, watched.settings, watched.digest, picture=picture)
        file.seek(0)
        return file.read()
