"""TURN servers: an account with one for each visitor, and answers that name the ways through them first.

Accounts are made of a secret shared with the server, by coturn's rule (`use-auth-secret`,
draft-uberti-behave-turn-rest-00), so that no password stands in a page for ever. Knows nothing of Streamlit or of who a
visitor is.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from aiortc import RTCSessionDescription

_CANDIDATES = re.compile(r"(?:a=candidate:.*\r?\n)+")

LIFE_S = 24 * 3600
"""How long an account is good at most; at least half as long."""


@dataclass(frozen=True)
class TurnAccount:
    """What a TURN server asks for.

    Attributes:
        username: the second, since 1970, at which the account ends, and who has it.
        credential: the password.
    """

    username: str
    credential: str


def make_account(secret: str, visitor: str, now_s: float) -> TurnAccount:
    """Make a visitor's account; the same one for half a day, so that what a page says of it seldom changes.

    Args:
        secret: the server's `static-auth-secret`.
        visitor: tells visitors apart; says nothing of who they are.
        now_s: seconds since 1970.

    >>> make_account("a secret", "visitor", 1_000_000.0)
    TurnAccount(username='1080000:visitor', credential='2tCGkiqvICoTst5xzg5BCZ4xrzU=')
    """
    ends_s = (int(now_s) // (LIFE_S // 2) + 2) * (LIFE_S // 2)
    username = f"{ends_s}:{visitor}"
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return TurnAccount(username, base64.b64encode(digest).decode())


def relays_first(description: RTCSessionDescription) -> RTCSessionDescription:
    """An answer that names its sender's addresses at a TURN server before all others.

    Chrome takes up one address after the other. A TURN server refuses to lead into the network that this server stands
    in; where that was the only address so far, Chrome says for a moment that the connection has failed, and the player
    gives it up. Which address is preferred is not changed: that stands in each candidate (RFC 8839, section 5.1).
    """

    def sort(found: re.Match) -> str:
        return "".join(sorted(found[0].splitlines(keepends=True), key=lambda line: " typ relay" not in line))

    return RTCSessionDescription(_CANDIDATES.sub(sort, description.sdp), description.type)
