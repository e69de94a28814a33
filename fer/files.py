"""Bytes -> a file that is there whole or not at all.

Knows nothing about what the bytes mean, and words no errors.
"""

import os
import uuid
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that whoever looks, also after a kill or on a full disk, finds the old one or the new one.

    The bytes go to a part file beside it, reach the disk, and take the old file's place. A link stays a link, and the
    file that it leads to is replaced. A kill may leave the hidden part file.

    Args:
        path: the file; its folder is there.
        content: all that it is to hold.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    target = path.resolve()
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
