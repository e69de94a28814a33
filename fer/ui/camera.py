"""The visitor's camera: consent, a live stream whose pictures are processed on this machine, and snapshots.

Turns a function of one picture into a player that shows what the function returns. Knows nothing of faces.
Live pictures come by WebRTC, which needs a page on HTTPS or on this very machine; whatever keeps them from coming is
said in a sentence under the player.
"""

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from urllib.parse import urlsplit

import av
import numpy as np
import streamlit as st
import streamlit_webrtc.component
import streamlit_webrtc.webrtc
from aiortc import RTCConfiguration
from streamlit_webrtc import WebRtcStreamerContext, webrtc_streamer
from streamlit_webrtc.webrtc import SignallingTimeoutError

from fer.errors import CameraError, FerError
from fer.ui.ice import VARIABLE, ice_servers
from fer.ui.photos import from_upload, open_photo
from fer.ui.shared import UPLOAD_TYPES
from fer.ui.style import plain
from fer.ui.visitor import find_share, is_loopback, on_own_machine
from fer.webrtc import prompt_video, quick_video
from fer.webrtc.exchange import PictureExchange
from fer.webrtc.limits import BoundedPeerConnection, StreamRefusedError, decode_vp8_only
from fer.webrtc.nearby import keep_to_loopback


def _connect(configuration: RTCConfiguration | None = None) -> BoundedPeerConnection:
    """The server's end of the connection to the visitor whose page runs.

    Firefox pairs no address of a network with one of loopback, and has no others; it is told all.
    """
    nearby = on_own_machine() and "Firefox/" not in st.context.headers.get("User-Agent", "")
    return BoundedPeerConnection(configuration, who=find_share(), nearby=nearby)


prompt_video.install()
quick_video.install()
decode_vp8_only()
keep_to_loopback()
streamlit_webrtc.webrtc.RTCPeerConnection = _connect  # type: ignore[assignment,misc]

Process = Callable[[np.ndarray, float], np.ndarray]
"""Called by the stream's own thread with image_bgr, uint8 of shape (height, width, 3), and the time in seconds on
`time.monotonic`'s clock; returns the picture to show, and must not raise."""

PATIENCE_S = 8
"""How long a stream may give no picture before the page says so."""

BY_HAND_S = 3
"""A stream that is given up sooner was stopped by the visitor; a connection takes longer to fail."""

CONSTRAINTS = {
    "video": {"width": {"ideal": 640}, "height": {"ideal": 480}, "frameRate": {"ideal": 15}},
    "audio": False,
}
"""What the browser is asked for: its microphone is not."""

_AGREED = "_camera_agreed"

_PROBE = """
const RAW = ".MuiAlert-colorError, .MuiAlert-standardError";
export default function ({ setStateValue, parentElement }) {
    const hear = () => {
        const player = document.querySelector('iframe[title*="webrtc"]')?.contentDocument;
        if (!player?.head) return;
        if (!player.getElementById("fer-words")) {
            const rules = player.createElement("style");
            rules.id = "fer-words";
            rules.textContent = `:is(${RAW}) { display: none !important; }`;
            player.head.append(rules);
        }
        const error = player.querySelector(RAW)?.textContent.match(/^\\w*Error/)?.[0] ?? "";
        if ((parentElement.heard ?? "") === error) return;
        parentElement.heard = error;
        setStateValue("error", error);
    };
    const hearing = setInterval(hear, 300);
    const tell = (access) => {
        if (parentElement.told === access) return;
        parentElement.told = access;
        setStateValue("access", access);
    };
    const look = async () => {
        if (!navigator.mediaDevices?.getUserMedia) return tell("insecure");
        const devices = await navigator.mediaDevices.enumerateDevices();
        if (!devices.some((device) => device.kind === "videoinput")) return tell("missing");
        try {
            const permission = await navigator.permissions.query({ name: "camera" });
            permission.onchange = look;
            tell(permission.state);
        } catch {
            tell("prompt");
        }
    };
    look();
    navigator.mediaDevices?.addEventListener("devicechange", look);
    return () => {
        clearInterval(hearing);
        navigator.mediaDevices?.removeEventListener("devicechange", look);
    };
}
"""
"""Tells the server what a browser knows about its camera, and hides the words of the browser's that the player shows
in its frame: the page has better ones."""

_probe = st.components.v2.component("fer_camera_probe", js=_PROBE)


class Trouble(StrEnum):
    """What keeps live pictures from coming; the sentence says what to do."""

    INSECURE = (
        "Browsers give a page the camera only on HTTPS or on localhost, and this page has neither. Open it by an "
        "https address, or on the machine that runs it."
    )
    MISSING = "This browser finds no camera. Connect one, or close the program that hides it; then press START again."
    DENIED = (
        "This page may not use the camera: access was denied. Allow it at the camera sign in the address bar, then "
        "press START again."
    )
    BUSY = "Another program uses the camera. Close it there, then press START again."
    FAILED = (
        "The camera did not start. Take another one at Choose the camera, or connect this one anew; then press START "
        "again."
    )
    UNCONNECTED = (
        "The camera's pictures do not reach the server: the connection failed. A firewall or another network stands "
        "between them. A TURN server passes pictures on in such a place; whoever runs this app names one under "
        f"[webrtc] ice_servers in .streamlit/secrets.toml or in {VARIABLE}."
    )
    STALLED = "No new pictures have come for a while. Press STOP and then START; the camera may have been taken away."


class Watch:
    """Counts what a stream brings, so that liveness is judged by pictures and not by what the player claims.

    Attributes:
        process: what the page wants done with the next picture; a stream outlives the run of the page that started it.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self._lock = threading.Lock()
        self._waiting_since: float | None = None
        self._frames = 0
        self._failed = False

    def saw_frame(self, now_s: float) -> None:
        """Note that a picture came and was processed."""
        with self._lock:
            self._frames += 1
            self._waiting_since = now_s

    def saw_state(self, *, playing: bool, signalling: bool, now_s: float) -> None:
        """Note what the player says of itself, which it does whenever that changes."""
        with self._lock:
            if not playing and not signalling:
                if self._waiting_since is not None:
                    self._failed = self._frames == 0 and now_s - self._waiting_since > BY_HAND_S
                self._waiting_since = None
            elif self._waiting_since is None:
                self._waiting_since, self._frames, self._failed = now_s, 0, False

    def trouble(self, now_s: float) -> Trouble | None:
        """What is wrong with the stream, if anything is."""
        with self._lock:
            if self._failed:
                return Trouble.UNCONNECTED
            if self._waiting_since is None or now_s - self._waiting_since < PATIENCE_S:
                return None
            return Trouble.STALLED if self._frames else Trouble.UNCONNECTED


def ask_consent() -> bool:
    """Say once what happens to the camera's pictures; True as soon as the visitor has agreed."""
    if st.session_state.get(_AGREED):
        return True
    here = "this machine" if on_own_machine() else "the machine that runs this app"
    with st.container(border=True):
        st.markdown("**Before the camera starts**")
        st.markdown(
            f"- **Pictures are read in the memory of {here}** and are gone at once. None is stored, and no other host "
            "is asked for anything.\n"
            "- **Only you decide what stays.** A recording keeps numbers, never pictures, and only if you start one.\n"
            "- **An expression is not a feeling.** The network names what a face shows. It cannot know what someone "
            "feels, thinks or intends, and it is often wrong.\n"
            "- **Ask everyone in view.** In the European Union, inferring emotions of people at work or in education "
            "is prohibited (AI Act, Article 5(1)(f)), with narrow medical and safety exceptions."
        )
        if st.button("I understand, go on to the camera", type="primary", icon=":material/videocam:"):
            st.session_state[_AGREED] = True
            st.rerun()
    return False


def can_stream() -> bool:
    """Whether browsers give this page the camera: on HTTPS, and on the machine that runs the app."""
    address = urlsplit(st.context.url or "")
    host = address.hostname or "localhost"
    return address.scheme == "https" or is_loopback(host)


def choose_way(key: str) -> bool:
    """Offer live pictures or snapshots; True for live ones, which are not offered where they cannot come."""
    if not can_stream():
        st.warning(Trouble.INSECURE, icon=":material/lock_open:")
        return False
    ways = {"Live": ":material/videocam: Live", "Snapshots": ":material/photo_camera: Snapshots"}
    way = st.segmented_control(
        "How the camera is read",
        list(ways),
        default="Live",
        required=True,
        format_func=ways.__getitem__,
        key=key,
        persist_state="session",
        label_visibility="collapsed",
    )
    return way == "Live"


def show_stream(key: str, process: Process) -> bool:
    """Draw the player, and say what keeps pictures from coming; must be called on every full run of its page.

    Args:
        key: one a page.
        process: what is done with the next picture; a stream that runs follows the last run of the page.

    Returns:
        Whether the stream plays.
    """
    if not can_stream():
        st.warning(Trouble.INSECURE, icon=":material/lock_open:")
        return False
    try:
        configuration = {"iceServers": ice_servers()}
    except CameraError as error:
        st.error(plain(str(error)), icon=":material/settings_alert:")
        configuration = {"iceServers": []}
    watch: Watch = st.session_state.setdefault(f"_watch_{key}", Watch(process))
    watch.process = process
    with st.container(gap=None):
        return _draw(key, configuration, watch)


def _draw(key: str, configuration: dict, watch: Watch) -> bool:
    def show(frame: av.VideoFrame) -> av.VideoFrame:
        drawn = watch.process(frame.to_ndarray(format="bgr24"), time.monotonic())
        watch.saw_frame(time.monotonic())
        shown = quick_video.make_frame(drawn)
        shown.pts, shown.time_base = frame.pts, frame.time_base
        return shown

    _end_what_is_over(key)
    exchange = PictureExchange(show)  # a player takes the one that it is given when it starts
    try:
        state = webrtc_streamer(  # type: ignore[call-overload]  # an exchange stands for a sink and a player
            key,
            rtc_configuration=configuration,
            media_stream_constraints=CONSTRAINTS,
            sink_video_track=exchange,
            player_factory=lambda: exchange,
            sendback_audio=False,
            video_html_attrs={
                "autoPlay": True,
                "controls": False,
                "muted": True,
                "playsInline": True,
                "style": {"width": "100%", "aspectRatio": "4 / 3"},
            },
            translations={
                "start": "Start",
                "stop": "Stop",
                "select_device": "Choose the camera",
                "media_api_not_available": str(Trouble.INSECURE),
                "device_ask_permission": "Allow this page the camera: the browser asks.",
                "device_not_available": str(Trouble.MISSING),
                "device_access_denied": str(Trouble.DENIED),
            },
        ).state
        playing, signalling = state.playing, state.signalling
    except SignallingTimeoutError:
        playing = signalling = False
    except StreamRefusedError as refusal:
        st.warning(str(refusal), icon=":material/videocam_off:")
        playing = signalling = False
    watch.saw_state(playing=playing, signalling=signalling, now_s=time.monotonic())
    told = _probe(key=f"{key}_probe", on_access_change=lambda: None, on_error_change=lambda: None)
    with st.container():  # what stands right after a fragment that ticks is lost now and then
        st.fragment(_say_trouble, run_every=1 if playing or signalling else None)(
            watch, find_camera_trouble(told.access, told.error)
        )
    return playing


def _end_what_is_over(key: str) -> None:
    """End a stream that streamlit-webrtc would take for the player's; call before drawing the player.

    It is over where the last run of the page that came to its end has not drawn the player, whose value Streamlit
    forgets before the next run begins. streamlit-webrtc looks for that, too, but by a count of runs that grows once the
    browser has been sent the end of one, when the next may have begun: it would take one stream in some hundreds of
    switches for left, and stop it.

    It is over, too, where the player offers another one: STOP and START in quick succession come as one, and what is
    answered would be the offer before.
    """
    context: WebRtcStreamerContext | None = st.session_state.get(key)
    if context is None:
        return
    context._last_rendered_run_count = None
    value_key, offer_key = streamlit_webrtc.component.generate_frontend_component_key(key), f"_offer_{key}"
    if value_key not in st.session_state:
        streamlit_webrtc.component._reset_context(context)
        return
    value = st.session_state[value_key] or {}
    offer = value.get("sdpOffer")
    if offer and offer != st.session_state.get(offer_key):
        st.session_state[offer_key] = offer
        streamlit_webrtc.component._reset_context(context)
        context._set_state(streamlit_webrtc.component.compile_state(value))


def find_camera_trouble(access: str | None, error: str | None) -> Trouble | None:
    """What keeps a browser from giving its camera.

    Args:
        access: what it says of the camera before it is asked for it: "insecure", "missing", "denied" or none of them.
        error: the name of what went wrong when it was asked (https://www.w3.org/TR/mediacapture-streams/).
    """
    before = {"insecure": Trouble.INSECURE, "missing": Trouble.MISSING, "denied": Trouble.DENIED}
    asked = {"NotFoundError": Trouble.MISSING, "NotAllowedError": Trouble.DENIED, "NotReadableError": Trouble.BUSY}
    return before.get(access or "") or (asked.get(error, Trouble.FAILED) if error else None)


def _say_trouble(watch: Watch, told: Trouble | None) -> None:
    trouble = told or watch.trouble(time.monotonic())
    if trouble is not None:
        st.warning(trouble, icon=":material/videocam_off:")


def take_snapshot(key: str) -> np.ndarray | None:
    """Offer to take one picture, where live ones cannot come or the visitor prefers it.

    Where browsers give the page no camera a file is asked for instead: phones offer their camera for that.

    Returns:
        image_bgr, uint8 of shape (height, width, 3); None until there is a picture that can be read.
    """
    if can_stream():
        taken = st.camera_input("Take a photo", resolution="720p", key=key)
    else:
        taken = st.file_uploader("Take or choose a photo", type=UPLOAD_TYPES, key=f"{key}_file")
    if taken is None:
        return None
    try:
        return open_photo(from_upload(taken), find_share())
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return None
