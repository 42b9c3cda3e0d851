"""The schemas of the Open Charge Alliance, from the package ``ocpp``: they judge the hub."""

import json
from typing import Any, Final

from ocpp import messages

from services.gateway.ocpp.negotiation import Version

CALL: Final = messages.MessageType.Call
RESULT: Final = messages.MessageType.CallResult
_CODES: Final = {
    "NotImplemented", "NotSupported", "ProtocolError", "TypeConstraintViolation",
}  # fmt: skip
"""Those that all versions have, of the hub's."""


def validator(version: Version, action: str, kind: int) -> Any:
    """Return the schema of a call's or a result's payload."""
    return messages.get_validator(kind, action, version.value.removeprefix("ocpp"))


def check_result(frame: bytes, version: Version, action: str) -> Any:
    """Check the result of a charger's request; return its payload."""
    kind, message_id, payload = json.loads(frame)
    assert kind == RESULT
    assert isinstance(message_id, str)
    validator(version, action, RESULT).validate(payload)
    return payload


def check_error(frame: bytes) -> str:
    """Check an error; return its code."""
    kind, _, code, description, details = json.loads(frame)
    assert kind == messages.MessageType.CallError
    assert code in _CODES
    assert len(description) <= 255
    assert details == {}
    return str(code)


def check_call(frame: bytes, version: Version) -> tuple[str, str, Any]:
    """Check a call of the hub; return its id, action and payload."""
    kind, message_id, action, payload = json.loads(frame)
    assert kind == CALL
    assert 1 <= len(message_id) <= 36
    validator(version, action, CALL).validate(payload)
    return message_id, action, payload
