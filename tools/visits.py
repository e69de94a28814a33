"""A visitor without a browser: Streamlit's and WebRTC's own protocols, spoken from the same machine.

So light that many of them leave the machine to the server that they visit. As a command, one who stays before a camera
until the command is ended, and prints when each picture came back, in seconds on `time.monotonic`'s clock:

    python -m tools.visits http://localhost:8501 [--source 127.0.1.1] [--fps 10]
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from functools import cache

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from fer.benchmark.clip import HEIGHT, PICTURES, RATE, WIDTH, picture

LIMIT_S = 600.0
CLOCK_HZ = 90_000
KEY_EVERY = 30
"""A picture of the clip that needs none before it comes so often, for whoever begins late or has lost one."""


class Clip(MediaStreamTrack):
    """The benchmark's clip of a face, as a camera sends it; encoded once, so that it costs its sender little.

    Attributes:
        sent: how many pictures were sent so far.
    """

    kind = "video"

    def __init__(self, fps: float) -> None:
        super().__init__()
        self._fps, self.sent, self._start_s = fps, 0, time.monotonic()

    async def recv(self) -> av.Packet:
        """The next picture, when its time has come."""
        await asyncio.sleep(self._start_s + self.sent / self._fps - time.monotonic())
        packet = av.Packet(_encoded()[self.sent % PICTURES])
        packet.pts, packet.time_base = round(self.sent * CLOCK_HZ / self._fps), Fraction(1, CLOCK_HZ)
        self.sent += 1
        return packet


@cache
def _encoded() -> list[bytes]:
    """The clip's pictures in VP8, as a browser would send them."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.bit_rate, codec.gop_size, codec.time_base = 1_000_000, KEY_EVERY, Fraction(1, RATE)
    codec.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"}
    frames = (av.VideoFrame.from_ndarray(picture(number, 1), format="bgr24") for number in range(PICTURES))
    return [b"".join(map(bytes, codec.encode(frame))) for frame in frames]


class Visit:
    """One visitor's open page: what it says, and how to do something on it.

    Attributes:
        session_id: the session's.
        elements: by the name of their kind, those that the page showed last.
        fragments: the parts of the page that run by themselves, and how often, in seconds.
        said: every text of the page since it was opened.
    """

    def __init__(self, connection: ClientConnection, page: str) -> None:
        self._connection, self._page = connection, page
        self._page_hash, self._is_fragment = "", False
        self._states: dict[str, WidgetState] = {}
        self.session_id = ""
        self.elements: dict[str, list[Element]] = {}
        self.fragments: dict[str, float] = {}
        self.said = ""

    async def run(self, *states: WidgetState, fragment: str = "") -> None:
        """Let the page run with these states of widgets beside those that it knows, and wait for its end."""
        message = BackMsg()
        rerun, self._is_fragment = message.rerun_script, bool(fragment)
        rerun.page_script_hash, rerun.fragment_id = self._page_hash, fragment
        if not self._page_hash:
            rerun.page_name = self._page
        kept = {state.id: state for state in states if not state.HasField("trigger_value")}
        self._states |= kept
        for state in (self._states | {state.id: state for state in states}).values():
            rerun.widget_states.widgets.append(state)
        await self._connection.send(message.SerializeToString())
        await asyncio.wait_for(self.listen(), LIMIT_S)

    async def listen(self) -> None:
        """Take what the server says until a run has ended."""
        while True:
            data = await self._connection.recv()
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            match message.WhichOneof("type"):
                case "new_session":
                    self.session_id = message.new_session.initialize.session_id or self.session_id
                    if not self._is_fragment:
                        self.elements, self.fragments = {}, {}
                case "delta" if message.delta.HasField("new_element") and not self._is_fragment:
                    element = message.delta.new_element
                    self.elements.setdefault(str(element.WhichOneof("type")), []).append(element)
                    self.said += f"{element.markdown.body} {element.heading.body} {element.alert.body}\n"
                case "navigation":  # what a run begins with may still be the entry script's
                    self._page_hash = message.navigation.page_script_hash
                case "auto_rerun":
                    self.fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
                case "script_finished" if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return


@asynccontextmanager
async def visit(address: str, page: str, source: str) -> AsyncIterator[Visit]:
    """Open a page from a loopback address."""
    host, port = address.removeprefix("http://").split(":")
    async with connect(
        f"ws://{host}:{port}/_stcore/stream",
        host="127.0.0.1",
        port=int(port),
        local_addr=(source, 0),
        origin=address,  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        open_timeout=LIMIT_S,
        ping_interval=None,  # a busy machine is no lost connection
        proxy=None,
    ) as connection:
        visitor = Visit(connection, page)
        await visitor.run()
        yield visitor


async def sit_before_camera(
    address: str,
    source: str,
    camera: MediaStreamTrack,
    came: Callable[[], None],
    *,
    asks: bool = True,
) -> None:
    """Let a camera send its pictures, with graphs that move beside it, for ever.

    Args:
        address: the server's.
        source: the loopback address that the visitor comes from.
        camera: gives the pictures.
        came: called for every picture that comes back.
        asks: whether pictures are wanted back.
    """
    async with visit(address, "live", source) as visitor:
        (agree,) = (each.button for each in visitor.elements["button"] if "I understand" in each.button.label)
        await visitor.run(WidgetState(id=agree.id, trigger_value=True))
        player = next(each.component_instance for each in visitor.elements["component_instance"])
        connection = RTCPeerConnection()
        received: set[asyncio.Task[None]] = set()
        connection.on("track", lambda track: received.add(asyncio.create_task(_receive(track, came))))
        connection.addTransceiver(camera, direction="sendrecv" if asks else "sendonly")
        await connection.setLocalDescription(await connection.createOffer())
        offer = connection.localDescription
        given = {"playing": False, "sdpOffer": {"sdp": offer.sdp, "type": offer.type}}
        await visitor.run(WidgetState(id=player.id, json_value=json.dumps(given)))
        try:
            answer = None
            while answer is None:
                (player,) = (each.component_instance for each in visitor.elements["component_instance"])
                answer = json.loads(json.loads(player.json_args).get("sdp_answer_json") or "null")
                if answer is None:
                    await asyncio.wait_for(visitor.listen(), LIMIT_S)
            await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
            await visitor.run(WidgetState(id=player.id, json_value=json.dumps({"playing": True})))
            due_s = dict.fromkeys(visitor.fragments, time.monotonic())
            while True:
                fragment = min(due_s, key=due_s.__getitem__)
                await asyncio.sleep(due_s[fragment] - time.monotonic())
                await visitor.run(fragment=fragment)
                due_s[fragment] = max(due_s[fragment] + visitor.fragments[fragment], time.monotonic())
        finally:
            await connection.close()


async def _receive(track: MediaStreamTrack, came: Callable[[], None]) -> None:
    with suppress(MediaStreamError):
        while True:
            await track.recv()
            came()


def main(arguments: list[str] | None = None) -> int:
    """Stay before a camera, and tell of every picture that comes back."""
    parser = argparse.ArgumentParser(prog="python -m tools.visits", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--source", default="127.0.1.1")
    parser.add_argument("--fps", type=float, default=10.0)
    options = parser.parse_args(arguments)
    _encoded()
    asyncio.run(
        sit_before_camera(
            options.address, options.source, Clip(options.fps), lambda: print(time.monotonic(), flush=True)
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
