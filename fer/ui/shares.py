"""What one visitor may use of a server that others reach: whose turn it is to work, and how much is held for whom.

Work passes here, so that the server does no more at once than it has processors for, and visitors take turns however
much one of them asks for. Whoever sits at the machine waits as everyone does, but may ask for and bring as much as they
like. Knows nothing of pages, or of what the work is.
"""

import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from fer.errors import BudgetError, FerError
from fer.ui.visitor import OWN_MACHINE, share_of

JOBS_EACH = 8
"""How much a visitor may have under way and waiting, of all kinds together."""

BYTES_EACH = 150_000_000
"""How much is held in memory of what a visitor brings: the largest upload, and some photos beside it."""

BYTES_ALL = 1_500_000_000
"""How much is held of what all visitors bring."""

TELL_EVERY_S = 0.5

_PROCESSORS = os.cpu_count() or 1


class Work(Enum):
    """What is done in turns; each kind has a queue of its own, so that a photo does not wait for a video."""

    PHOTO = auto()
    LINK = auto()
    VIDEO = auto()
    EVALUATION = auto()
    DATA = auto()


AT_ONCE = {
    Work.PHOTO: _PROCESSORS,
    Work.LINK: 4,
    Work.VIDEO: max(1, _PROCESSORS // 2),
    Work.EVALUATION: 1,
    Work.DATA: max(1, _PROCESSORS // 2),
}
"""How much of it is done at once. A video and an audit keep two processors busy, and two evaluations would only share
them and need twice the memory."""


def jobs_at_once(work: Work, who: str | None) -> int:
    """How much of a kind it is of use to ask for at once: for a visitor no more than leaves them other things to do.

    Args:
        work: of which kind.
        who: for whom, as `fer.ui.visitor.find_share` says.
    """
    return AT_ONCE[work] if who is None else min(AT_ONCE[work], JOBS_EACH // 2)


class _Ticket:
    """One piece of work, from when it was asked for until it is done."""

    def __init__(self, work: Work, who: str | None) -> None:
        self.work, self.who = work, who


class Turns:
    """Lets work wait for its turn; may be used by several threads.

    The next turn goes to the visitor who has the least of that kind under way, among those to whose last turn is the
    longest ago, and then to who asked first.
    """

    def __init__(self, at_once: Mapping[Work, int], jobs_each: int) -> None:
        self._at_once, self._jobs_each = at_once, jobs_each
        self._changed = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._under_way: list[_Ticket] = []
        self._turn = 0
        self._last: dict[tuple[Work, str | None], int] = {}

    @contextmanager
    def take(self, work: Work, who: str | None, tell: Callable[[int], object] = lambda before: None) -> Iterator[None]:
        """Wait for a turn, and have it as long as this lasts. Not to be taken twice by one thread.

        Args:
            work: of which kind.
            who: for whom, as `fer.ui.visitor.find_share` says.
            tell: told now and then how many come before; what it raises gives the turn up.

        Raises:
            BudgetError: this visitor waits for too much already.
        """
        ticket = _Ticket(work, who)
        with self._changed:
            asked = sum(other.who == who for other in (*self._waiting, *self._under_way))
            if who is not None and asked >= self._jobs_each:
                raise BudgetError(
                    f"This server already does or has still to do {asked} things for you, as many as it does for one "
                    "visitor; wait until one is done."
                )
            self._waiting.append(ticket)
        try:
            while not self._begins(ticket):
                tell(self._queue(work).index(ticket))
            yield
        finally:
            with self._changed:
                (self._waiting if ticket in self._waiting else self._under_way).remove(ticket)
                if not any((other.work, other.who) == (work, who) for other in (*self._waiting, *self._under_way)):
                    self._last.pop((work, who), None)
                self._changed.notify_all()

    def _begins(self, ticket: _Ticket) -> bool:
        """Whether it is this one's turn within the next moment."""

        def is_next() -> bool:
            free = self._at_once[ticket.work] - sum(other.work is ticket.work for other in self._under_way)
            return ticket in self._queue(ticket.work)[: max(0, free)]

        with self._changed:
            if not self._changed.wait_for(is_next, TELL_EVERY_S):
                return False
            self._waiting.remove(ticket)
            self._under_way.append(ticket)
            self._turn += 1
            self._last[ticket.work, ticket.who] = self._turn
            return True

    def _queue(self, work: Work) -> list[_Ticket]:
        """Who waits for this kind, in the order of their turns."""
        with self._changed:
            waiting = [ticket for ticket in self._waiting if ticket.work is work]
            has = Counter(ticket.who for ticket in self._under_way if ticket.work is work)
            last = {ticket.who: self._last.get((work, ticket.who), 0) for ticket in waiting}
            turn = self._turn
        queue: list[_Ticket] = []
        while waiting:
            ticket = min(waiting, key=lambda ticket: (has[ticket.who], last[ticket.who]))
            turn += 1
            has[ticket.who] += 1
            last[ticket.who] = turn
            waiting.remove(ticket)
            queue.append(ticket)
        return queue


class Held:
    """How many bytes are held for whom; may be used by several threads.

    What whoever sits at the machine brings is not counted.
    """

    def __init__(
        self, bytes_each: int, bytes_all: int, stored: Callable[[], Iterable[tuple[str | None, bytes]]]
    ) -> None:
        """Begin to count.

        Args:
            bytes_each, bytes_all: the most for a visitor, and for all.
            stored: gives what was uploaded and is still there, and for whom.
        """
        self._bytes_each, self._bytes_all, self._stored = bytes_each, bytes_all, stored
        self._lock = threading.Lock()
        self._coming: list[tuple[str, int]] = []
        self._kept: weakref.WeakKeyDictionary[object, tuple[str, bytes]] = weakref.WeakKeyDictionary()

    def keep(self, owner: object, data: bytes, who: str | None) -> None:
        """Count bytes for a visitor as long as their owner lives; those that are stored, too, count once."""
        if who is not None:
            with self._lock:
                self._kept[owner] = (who, data)

    @contextmanager
    def expect(self, n_bytes: int, who: str | None) -> Iterator[None]:
        """Count bytes that are coming, until they are stored or kept.

        Raises:
            BudgetError: that is more than is held for one visitor, or for all.
        """
        if who is None:
            yield
            return
        coming = (who, n_bytes)
        with self._lock:
            self._check(n_bytes, who)
            self._coming.append(coming)
        try:
            yield
        finally:
            with self._lock:
                self._coming.remove(coming)

    def _check(self, n_bytes: int, who: str) -> None:
        there = (*self._stored(), *self._kept.values())
        held = {id(data): (owner, len(data)) for owner, data in there if owner is not None}
        counted = [*held.values(), *self._coming, (who, n_bytes)]
        if sum(n for owner, n in counted if owner == who) > self._bytes_each:
            raise BudgetError(
                f"This server holds {self._bytes_each // 1_000_000} MB of one visitor's files at most; take some away "
                "before you bring more."
            )
        if sum(n for _, n in counted) > self._bytes_all:
            raise BudgetError("This server holds as many files of its visitors as it can; try again in a while.")


_whose: dict[str, str | None] = {}
"""For whom the uploads of sessions are counted; those whose visitors left are still held for a moment."""

_refused: dict[str, str] = {}
"""What is to be said of sessions' last uploads."""


@contextmanager
def expect_upload(session_id: str, n_bytes: int) -> Iterator[None]:
    """Count an upload for the visitor of a session until it is stored; where it is refused, their page will say so.

    Raises:
        BudgetError: that is more than is held for one visitor, or for all.
    """
    manager: Any = get_instance()._session_mgr
    info = manager.get_active_session_info(session_id)
    if info is None:  # Streamlit refuses it
        yield
        return
    came = info.client.client_context
    mark = dict(came.headers).get(OWN_MACHINE, "")
    for gone in _whose.keys() - {each.session.id for each in manager.list_sessions()}:
        del _whose[gone]
    _whose[session_id] = share_of(mark, came.remote_ip, info.session._user_info)
    try:
        with HELD.expect(n_bytes, _whose[session_id]):
            yield
    except BudgetError as error:
        _refused[session_id] = str(error)
        info.session.request_rerun(None)
        raise


def say_refusal() -> None:
    """Tell the visitor whose page runs that their last upload was refused, if it was."""
    context = get_script_run_ctx(suppress_warning=True)
    refusal = context and _refused.pop(context.session_id, None)
    if refusal:
        st.toast(refusal, icon=":material/upload_file:", duration="infinite")


def _files() -> dict[str, dict[str, UploadedFileRec]]:
    manager: Any = get_instance().uploaded_file_mgr
    return dict(manager.file_storage)


def _stored() -> list[tuple[str | None, bytes]]:
    """What lies in Streamlit's memory of uploads."""
    return [(_whose.get(name), file.data) for name, files in _files().items() for file in list(files.values())]


class StoppedError(FerError):
    """Gives up a turn."""


class Waiting:
    """What work in a thread shares with whoever watches it: whether it is to end, and its place while it waits.

    Attributes:
        stop: set where it is to end.
        before: how many come first; None where it does not wait.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.before: int | None = None

    def wait(self, before: int) -> None:
        """Take note of the place; for `Turns.take`.

        Raises:
            StoppedError: it is to end.
        """
        self.before = before
        if self.stop.is_set():
            raise StoppedError("It was stopped before its turn came.")


TURNS = Turns(AT_ONCE, JOBS_EACH)
HELD = Held(BYTES_EACH, BYTES_ALL, _stored)


def waiting_words(before: int) -> str:
    """What to say while something waits for its turn."""
    return f"Waiting for a turn, {before} before this" if before else "Waiting for a turn, the next one"
