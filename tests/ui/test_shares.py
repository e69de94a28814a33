"""Whose turn it is, and how much is held for whom."""

import gc
import threading

import pytest

from fer.errors import BudgetError
from fer.ui import shares
from fer.ui.shares import Held, Turns, Work, waiting_words


class Bag:
    """Holds bytes, as a video or a photo of a visitor does."""


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "TELL_EVERY_S", 0.01)


class Queue:
    """Work of several visitors that begins one after another, and what each was told."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.begun, self.told = turns, [], {}
        self._threads: list[threading.Thread] = []

    def ask(self, who: str | None) -> None:
        """Ask for a turn in a thread, and return once it is among those who wait."""
        name, seen = f"{who}{len(self._threads)}", threading.Event()

        def tell(before: int) -> None:
            self.told[name] = before
            seen.set()

        def work() -> None:
            with self.turns.take(Work.DATA, who, tell):
                self.begun.append(name)

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()
        assert seen.wait(60)

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize(
    ("asking", "begun", "told"),
    [
        pytest.param([], [], {}, id="nobody"),
        pytest.param(["a", "b"], ["b1", "a0"], {"b1": 0}, id="who has one comes after who has none"),
        pytest.param(["a", "a", "b"], ["b2", "a0", "a1"], {"b2": 0}, id="not behind everything of another"),
        pytest.param([None, None], ["None0", "None1"], {"None0": 0, "None1": 1}, id="at this machine, as it was asked"),
    ],
)
def test_turns_go_around(asking: list[str | None], begun: list[str], told: dict[str, int]) -> None:
    queue = Queue(Turns({Work.DATA: 1}, 8))
    with queue.turns.take(Work.DATA, "a"):
        for who in asking:
            queue.ask(who)
        assert {name: queue.told[name] for name in told} == told
    queue.wait()
    assert queue.begun == begun


def test_other_work_does_not_wait() -> None:
    turns = Turns({Work.PHOTO: 1, Work.VIDEO: 1}, 8)
    with turns.take(Work.VIDEO, "a"), turns.take(Work.PHOTO, "b"):
        pass


@pytest.mark.parametrize(
    ("who", "refused"),
    [
        pytest.param("a", True, id="a visitor"),
        pytest.param("b", False, id="another"),
        pytest.param(None, False, id="own"),
    ],
)
def test_a_visitor_has_so_many_jobs(who: str | None, refused: bool) -> None:
    turns = Turns({Work.PHOTO: 9}, 2)

    def once_more() -> None:
        with turns.take(Work.PHOTO, who):
            pass

    first = who if who is None else "a"
    with turns.take(Work.PHOTO, first), turns.take(Work.PHOTO, first):
        if refused:
            with pytest.raises(BudgetError, match="2 things for you, as many as it does for one visitor; wait until"):
                once_more()
        else:
            once_more()
    once_more()


def test_whoever_gives_up_waits_no_longer() -> None:
    turns = Turns({Work.DATA: 1}, 2)

    def leave(before: int) -> None:
        raise KeyboardInterrupt

    with turns.take(Work.DATA, "a"):
        with pytest.raises(KeyboardInterrupt), turns.take(Work.DATA, "a", leave):
            pass
        assert turns._queue(Work.DATA) == []
    with turns.take(Work.DATA, "b"):
        pass


@pytest.mark.parametrize(
    ("before", "words"),
    [(0, "Waiting for a turn, the next one"), (2, "Waiting for a turn, 2 before this")],
    ids=["next", "later"],
)
def test_the_place_is_said(before: int, words: str) -> None:
    assert waiting_words(before) == words


EACH = "holds 0 MB of one visitor's files at most; take some away before you bring more"
ALL = "holds as many files of its visitors as it can; try again in a while"


@pytest.mark.parametrize(
    ("stored", "who", "coming", "refusal"),
    [
        pytest.param([], "a", 10, None, id="as much as one visitor's share"),
        pytest.param([], "a", 11, EACH, id="more"),
        pytest.param([("a", b"123456")], "a", 5, EACH, id="more, with what is there"),
        pytest.param([("a", b"123456")], "b", 5, None, id="another visitor's"),
        pytest.param([("a", b"1234567890"), ("b", b"123456")], "c", 9, ALL, id="all together"),
        pytest.param([("a", b"1234567890")], None, 1000, None, id="at this machine"),
        pytest.param([(None, bytes(1000))], "a", 10, None, id="beside somebody at this machine"),
    ],
)
def test_bytes_are_counted(
    stored: list[tuple[str | None, bytes]], who: str | None, coming: int, refusal: str | None
) -> None:
    held = Held(10, 20, lambda: stored)

    def bring() -> None:
        with held.expect(coming, who):
            pass

    if refusal is None:
        bring()
        bring()
    else:
        with pytest.raises(BudgetError, match=refusal):
            bring()


def test_what_is_on_its_way_counts() -> None:
    held = Held(10, 20, lambda: [])
    with held.expect(6, "a"), pytest.raises(BudgetError), held.expect(6, "a"):
        pass
    with held.expect(6, "a"):
        pass


def test_what_is_kept_counts_once_and_as_long_as_it_is_kept() -> None:
    data, bag = b"123456", Bag()
    stored = [("a", data)]
    held = Held(10, 20, lambda: stored)

    def fits(n_bytes: int) -> bool:
        try:
            with held.expect(n_bytes, "a"):
                return True
        except BudgetError:
            return False

    held.keep(bag, data, "a")
    assert fits(4), "stored and kept is the same"
    stored.clear()
    assert not fits(5), "it is taken out of the store and still kept"
    del bag
    gc.collect()
    assert fits(10)
