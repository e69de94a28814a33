"""One session's samples -> rows, from a thread of its own, so that no frame ever waits for a disk or a network.

What was recorded up to a kill is there afterwards: the thread commits what came in every `COMMIT_EVERY_S`.
"""

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from sqlalchemy.exc import IntegrityError

from fer.errors import StoreError
from fer.recording import EmptySpans, Look, Sample, Span, count_labels

COMMIT_EVERY_S = 0.5
"""How often a recording is committed; a kill loses no more than that and what one commit takes."""

MAX_PENDING = 20_000
"""Samples that wait in memory while the database cannot be reached: 20 minutes of one person."""


Append = Callable[[Sequence[Sample], Sequence[Span], Mapping[str, object]], None]
DropIfEmpty = Callable[[], None]


class SessionWriter:
    """Writes one session's samples from a thread of its own, so that no frame ever waits for a disk or a network.

    While the database cannot be reached, samples wait in memory (up to `MAX_PENDING`) and are tried again.
    A writer that nobody holds any longer writes what it has and ends.
    """

    def __init__(self, session_id: int, classes: Sequence[str], append: Append, drop_if_empty: DropIfEmpty) -> None:
        """Begin to write.

        Args:
            session_id: the session's number in the database.
            classes: what the samples' probabilities stand for.
            append: writes samples, spans in which nobody was found (a span takes the place of one with the same
                beginning), and what a list shows of the session, all or nothing.
            drop_if_empty: deletes the session if it has no sample.
        """
        self.session_id = session_id
        self._work = _Work(classes, append, drop_if_empty)
        self._thread = threading.Thread(target=self._work.run, name=f"session {session_id}", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._work.stop.set)

    @property
    def error(self) -> str | None:
        """One sentence where something is not saved; None again once it is."""
        return self._work.error

    @property
    def deleted(self) -> bool:
        """Whether the session was deleted while it was recorded."""
        return self._work.gone

    def write(self, look: Look) -> None:
        """Take a look; returns at once. What comes after `close` is not saved."""
        self._work.take(look)

    def close(self) -> None:
        """Write what is left and end; `error` says afterwards whether all is there. A session without samples goes."""
        self._work.stop.set()
        self._thread.join()


def write_at_once(looks: Iterable[Look], classes: Sequence[str], append: Append) -> None:
    """Write looks that are all there already, some thousand samples at a time; see `SessionWriter`.

    Raises:
        StoreError: not all of them are written.
    """
    work = _Work(classes, append, lambda: None)
    for look in looks:
        work.take(look)
        if work.has_enough:
            work.commit()
    work.commit()


_AT_ONCE = 5_000


class _Work:
    """What a writer and its thread share. Knows nothing of the writer, which can therefore be forgotten."""

    def __init__(self, classes: Sequence[str], append: Append, drop_if_empty: DropIfEmpty) -> None:
        self.stop = threading.Event()
        self.error: str | None = None
        self._classes = tuple(classes)
        self._append, self._drop_if_empty = append, drop_if_empty
        self._lock = threading.Lock()
        self._pending: list[Sample] = []
        self._nobody = EmptySpans()
        self._spans_written = 0
        self._end_s = self._end_written_s = 0.0
        self._lost = 0
        self.gone = False
        self._people: set[int] = set()
        self._counts: Counter[str] = Counter()

    def take(self, look: Look) -> None:
        with self._lock:
            if self.gone or self.stop.is_set():
                return
            room = MAX_PENDING - len(self._pending)
            self._pending.extend(look.samples[:room])
            self._lost += len(look.samples[room:])
            self._nobody.add(look)
            self._end_s = look.time_s

    @property
    def has_enough(self) -> bool:
        """Whether it is time to write, where nobody waits for the next look."""
        return len(self._pending) >= _AT_ONCE

    def commit(self) -> None:
        """Write what is pending, or raise a `StoreError`."""
        self._commit()
        if self.error is not None:
            raise StoreError(self.error)

    def run(self) -> None:
        while not self.stop.wait(COMMIT_EVERY_S):
            self._commit()
        self._commit()
        if not self._pending and not self.gone and not self._people:
            with suppress(StoreError):  # an empty session does no harm
                self._drop_if_empty()

    def _commit(self) -> None:
        """Write what is pending; on an error it stays pending."""
        with self._lock:
            batch, spans, end_s = self._pending[:], self._nobody.spans(self._spans_written), self._end_s
        if not batch and end_s == self._end_written_s:
            return
        people = self._people | {int(sample.person) for sample in batch}
        counts = Counter(self._counts)
        counts.update(count_labels(batch, self._classes))
        summary = {"duration_s": float(end_s), "people": len(people), "counts": dict(counts)}
        try:
            self._append(batch, spans, summary)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                self._forget()
            else:
                self.error = f"The recording is not being saved, and is tried again: {error}"
            return
        self._people, self._counts, self._end_written_s = people, counts, end_s
        self._spans_written += max(0, len(spans) - 1)  # the last one may have grown meanwhile
        with self._lock:
            del self._pending[: len(batch)]
            lost = self._lost
        self.error = f"{lost:,} readings of this recording were lost while it could not be saved." if lost else None

    def _forget(self) -> None:
        with self._lock:
            self.gone = True
            self._pending.clear()
        self.error = "This session was deleted while it was recorded, so nothing more of it is saved."
