"""Downloads over several runs of a page, with Streamlit's own manager of files."""

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from fer.ui.downloads import KEPT_S, Downloads

NOBODYS = "dontcare"
"""What Streamlit calls the session where no server runs."""


class Server:
    """A server's files, a clock that is turned by hand, and one visitor's page with a button for a download."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.storage = MemoryMediaFileStorage("/media")
        self.files = MediaFileManager(self.storage)
        self.downloads = Downloads(self.files, clock_s=lambda: self.now_s)

    def draw(self) -> str:
        """One run of the page; gives the button's name for its browser."""
        self.files.clear_session_refs()
        name = self.files.add_deferred(lambda: b"a table", "text/csv", "1.0", element_id="button")
        self.end_a_run()
        return name

    def leave(self) -> None:
        self.files.clear_session_refs()
        self.end_a_run()

    def end_a_run(self) -> None:
        """As at the end of anybody's run."""
        self.files.remove_orphaned_files()

    def holds(self, url: str) -> bool:
        try:
            return self.storage.get_file(url.rsplit("/", 1)[-1]).content == b"a table"
        except MediaFileStorageError:
            return False


def test_a_button_works_until_the_browser_has_the_next_one() -> None:
    server = Server()
    old = server.draw()
    new = server.draw()
    server.now_s += KEPT_S - 1
    server.end_a_run()
    assert server.holds(server.files.execute_deferred(old))
    server.now_s += 2
    server.end_a_run()
    with pytest.raises(MediaFileStorageError, match="not found"):
        server.files.execute_deferred(old)
    assert server.holds(server.files.execute_deferred(new))


def test_what_was_made_waits_for_its_browser_while_others_come_and_go() -> None:
    server = Server()
    button = server.draw()
    made = server.files.execute_deferred(button)
    for _ in range(5):
        server.now_s += 1
        server.end_a_run()
    assert server.holds(made)
    made = server.files.execute_deferred(button)  # pressed once more, its time begins anew
    server.end_a_run()
    server.now_s += KEPT_S - 1
    server.end_a_run()
    assert server.holds(made)
    server.now_s += 2
    server.end_a_run()
    assert not server.holds(made)


def test_pictures_go_as_soon_as_no_page_shows_them() -> None:
    server = Server()
    url = server.files.add(b"a table", "image/png", "1.1")
    server.end_a_run()
    assert server.holds(url)
    server.leave()
    assert not server.holds(url)


def test_nothing_can_be_made_of_what_somebody_brought_who_is_gone() -> None:
    server = Server()
    button = server.draw()
    server.leave()
    server.downloads.forget([NOBODYS])
    with pytest.raises(MediaFileStorageError, match="not found"):
        server.files.execute_deferred(button)


def test_a_button_that_is_shut_makes_nothing() -> None:
    """Streamlit's own promise, which holds for the buttons before it as well."""
    server = Server()
    old = server.draw()
    server.draw()
    server.files.remove_deferred("1.0", element_id="button")
    with pytest.raises(MediaFileStorageError, match="not found"):
        server.files.execute_deferred(old)
