"""The answers to bad frames, encoded once each."""

from typing import Final

import msgspec

from shared.contract.device_protocol import ERROR_EVENT, ErrorCode


class _ErrorEvents(dict[tuple[ErrorCode, str], bytes]):
    """Error events, encoded when first needed: there are only a handful."""

    def __missing__(self, key: tuple[ErrorCode, str]) -> bytes:
        code, message = key
        event = {"event": ERROR_EVENT, "data": {"code": code, "message": message}}
        return self.setdefault(key, msgspec.json.encode(event))


ERROR_EVENTS: Final = _ErrorEvents()
