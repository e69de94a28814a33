"""The one exception that carries a sentence for the person in front of the screen.

Whatever a user can get wrong (a file, a setting, a missing download) ends as a `FerError`. Its message is a
single sentence, or two short ones, that name the thing, the rule and what to do; pages and the command line
show it as it stands. Anything else that is raised is a fault of the program, which `known` finds early.
"""

from typing import TypeVar

_Value = TypeVar("_Value")


def known(value: _Value | None) -> _Value:
    """Return a value that is there whenever this place is reached, which its type does not say.

    Raises:
        AssertionError: it is not.
    """
    if value is None:
        raise AssertionError("What is needed here must be known by now.")
    return value


class FerError(Exception):
    """Base of the errors that are meant to be read by a user."""


class MediaError(FerError):
    """The bytes are not a picture or a video that can be read."""


class ModelError(FerError):
    """A model is missing, damaged, or does not fit its card."""


class DetectorError(FerError):
    """A face detector is unknown or cannot be used here."""


class DatasetError(FerError):
    """A data set is missing or breaks the rules of its format."""


class FetchError(FerError):
    """Something could not be fetched, or may not be."""


class CameraError(FerError):
    """A setting of the camera's connection is wrong."""


class StoreError(FerError):
    """Saved sessions cannot be reached, or what was asked of them cannot be done."""


class BudgetError(FerError):
    """A visitor asks for more of a server than is one visitor's share."""
