"""Accounts for a TURN server: a secret shared with it -> a name and a password for one visitor, good for a day.

By coturn's rule (`use-auth-secret`, draft-uberti-behave-turn-rest-00), so that no password stands in a page for ever.
Knows nothing of Streamlit or of who a visitor is.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

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
