"""Which texts of a setting can be the ``Origin`` header of a web page. Without I/O.

Browsers write an origin in one form only (RFC 6454, section 6.2), and the header is compared as
text: an origin in any other form would silently allow nothing.
"""

import re
from collections.abc import Mapping
from typing import Final

_ORIGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?"
)
_USUAL_PORTS: Final[Mapping[str, str]] = {"http": "80", "https": "443"}

_FORM: Final = 'write each as browsers do, for example "https://example.org"'


def check_origin(text: str) -> str:
    """Return the text if browsers send it as an origin.

    Raises:
        ValueError: They do not; says what to write instead.
    """
    if "*" in text:
        raise ValueError(f"* stands for nothing here: name all origins, and {_FORM}")
    origin = _ORIGIN.fullmatch(text)
    if origin is None:
        raise ValueError(
            f"{_FORM}: in small letters, with the scheme, without a path and without / at the end"
        )
    port = origin["port"] or "1"
    if int(port) > 65535:  # noqa: PLR2004 - ports of TCP
        raise ValueError(f"a port is a number from 1 to 65535; {_FORM}")
    if port == _USUAL_PORTS.get(origin["scheme"]):
        raise ValueError(f"browsers leave out the port {port} of {origin['scheme']}; {_FORM}")
    return text
