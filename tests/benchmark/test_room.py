"""What a live visitor costs, and how many there is room for: counted from pictures that come back, on a drawn clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from fer.benchmark import room


class Machine:
    """A server that gives back so many pictures a second in all, at a tenth of a core for ten of them."""

    def __init__(self, pictures_per_s: float) -> None:
        self.now_s, self.work_s, self.rate = 0.0, 0.0, pictures_per_s
        self.cameras: list[tuple[list[float], float]] = []

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        for came, fps in self.cameras:
            count = round(seconds * min(fps, self.rate / len(self.cameras)))
            came.extend([self.now_s] * count)
            self.work_s += 0.01 * count

    @contextmanager
    def visitor(self, address: str, number: int, fps: float) -> Iterator[list[float]]:
        camera: tuple[list[float], float] = ([], fps)
        self.cameras.append(camera)
        yield camera[0]
        self.cameras.remove(camera)

    @contextmanager
    def start(self, environment: dict[str, str]) -> Iterator[tuple[str, SimpleNamespace, float]]:
        yield "http://localhost:1", SimpleNamespace(pid=1), 0.0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Machine:
    drawn = Machine(request.param)
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: drawn.now_s, sleep=drawn.sleep))
    monkeypatch.setattr(room, "_visitor", drawn.visitor)
    monkeypatch.setattr(room, "start_app", drawn.start)
    monkeypatch.setattr(room, "wait_for_port", lambda address, process: None)
    monkeypatch.setattr(room, "processor_s", lambda process_id: drawn.work_s)
    return drawn


@pytest.mark.parametrize(
    ("machine", "most"),
    [(45.0, 4), (9.0, 0), (10_000.0, room.MAX_STREAMS)],
    indirect=["machine"],
    ids=["room for four", "room for nobody", "as many as are let in"],
)
def test_visitors_come_until_one_is_served_badly(machine: Machine, most: int) -> None:
    cost, visitors = room.measure_room(lambda what: None)
    assert cost.values == pytest.approx([0.1] * room.WINDOWS)
    assert visitors.values == (most,)
    assert not machine.cameras


@pytest.mark.parametrize("machine", [45.0], indirect=True)
def test_nothing_is_said_of_the_cost_where_the_system_does_not_tell(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "processor_s", lambda process_id: None)
    cost, visitors = room.measure_room(lambda what: None)
    assert (cost.values, visitors.values) == ((), (4.0,))
