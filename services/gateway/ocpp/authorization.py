"""The password of a charger that speaks OCPP (security profiles 1 and 2: HTTP Basic)."""

import base64
import binascii
from typing import Final

_COLON: Final = b":"


def password_in(authorization: str, charger_id: str) -> str:
    """Return the password in an ``Authorization`` header; empty if there is none for this charger.

    In 1.6 the key is given to the hub in hex, and sent as the bytes that the hex stands for. So a
    password that cannot be typed is returned in hex, with small letters.
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).partition(_COLON)
    except (binascii.Error, ValueError):
        return ""
    if user != charger_id.encode():
        return ""
    is_typed = password.isascii() and password.decode("latin-1").isprintable()
    return password.decode("ascii") if is_typed else password.hex()
