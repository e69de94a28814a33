"""Downloads wait for who is slow: what a button offers, and what it made, is found for half a minute more.

Streamlit forgets what a button would make at the end of any visitor's run, perhaps before a browser has heard of the
button that follows, and what it made at the second such end, perhaps before the browser has come for it. Knows nothing
about pages.
"""

from collections.abc import Callable, Collection
from time import monotonic
from typing import Any

from streamlit.runtime.media_file_manager import MediaFileKind, MediaFileManager, MediaFileMetadata

KEPT_S = 30.0
"""How long a download is kept that no page shows any more."""


class Downloads:
    """Forgets a server's files in the place of their manager: downloads after a while, pictures at once as it does."""

    def __init__(self, manager: MediaFileManager, clock_s: Callable[[], float] = monotonic) -> None:
        """Take over from the manager, which asks for it at the end of every run and when somebody leaves.

        Args:
            manager: holds the files of all visitors.
            clock_s: gives the time.
        """
        self._manager: Any = manager
        self._clock_s = clock_s
        self._since_s: dict[tuple[str, MediaFileMetadata | None], float] = {}
        manager.remove_orphaned_files = self.forget  # type: ignore[method-assign]

    def forget(self, gone: Collection[str] = ()) -> None:
        """Forget what no page has shown for a while, and at once what visitors could have downloaded who are gone.

        Args:
            gone: the names of their sessions.
        """
        manager = self._manager
        with manager._lock:
            for session in gone:
                for name in list(manager._deferred_ids_by_session.get(session, ())):
                    manager._drop_deferred_id(name)
            shown = {name for files in manager._files_by_session_and_coord.values() for name in files.values()}
            found = [*manager._file_metadata.items(), *((name, None) for name in manager._deferred_callables)]
            now_s = self._clock_s()
            self._since_s = {each: self._since_s.get(each, now_s) for each in found if each[0] not in shown}
            for (name, file), since_s in self._since_s.items():
                is_old = now_s - since_s >= KEPT_S
                if file is None:
                    if is_old:
                        manager._drop_deferred_id(name)
                elif is_old or file.kind is MediaFileKind.MEDIA:
                    manager._delete_file(name)
