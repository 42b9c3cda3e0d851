"""The answers to bad frames, encoded once each."""

from typing import Final

from shared.device_protocol import ERROR_EVENT, ErrorCode


class _ErrorEvents(dict[tuple[ErrorCode, str], bytes]):
    """Error events, encoded when first needed: there are only a handful."""

    def __missing__(self, key: tuple[ErrorCode, str]) -> bytes:
        code, message = key
        text = (
            f'{{"event":"{ERROR_EVENT}","data":{{"code":"{code}","message":{_quoted(message)}}}}}'
        )
        return self.setdefault(key, text.encode())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


ERROR_EVENTS: Final = _ErrorEvents()
