"""What the hub answers to the requests of chargers."""

from typing import Final

import msgspec

from services.gateway.ocpp.frames import ErrorCode
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.timestamps import write_timestamp

EMPTY: Final = b"{}"
_ACCEPTED: Final = b'{"status":"Accepted"}'
_ID_TAG_ACCEPTED: Final = b'{"idTagInfo":%b}' % _ACCEPTED
_ID_TOKEN_ACCEPTED: Final = b'{"idTokenInfo":%b}' % _ACCEPTED

HELD: Final = {
    Version.V16: frozenset(
        ("BootNotification", "MeterValues", "StartTransaction", "StopTransaction")
    ),
    Version.V201: frozenset(("BootNotification", "MeterValues", "TransactionEvent")),
}
"""Requests that are answered only once the charger has its epoch: what they need of Redis, or
change there, is known only then."""
HELD[Version.V21] = HELD[Version.V201]

_COMMON: Final = {
    "DataTransfer": b'{"status":"UnknownVendorId"}',
    "FirmwareStatusNotification": EMPTY,
    "LogStatusNotification": EMPTY,
    "SecurityEventNotification": EMPTY,
}
_IN_2: Final = {
    **_COMMON,
    "Authorize": _ID_TOKEN_ACCEPTED,
    "PublishFirmwareStatusNotification": EMPTY,
    # These two want a status. No schedule comes from the hub, and the vehicle's own is fine.
    "NotifyEVChargingNeeds": b'{"status":"Rejected"}',
    "NotifyEVChargingSchedule": _ACCEPTED,
}
_FIXED: Final = {
    Version.V16: {
        **_COMMON,
        "Authorize": _ID_TAG_ACCEPTED,
        "DiagnosticsStatusNotification": EMPTY,
        "SignedFirmwareStatusNotification": EMPTY,
    },
    Version.V201: _IN_2,
    Version.V21: _IN_2,
}
"""Answers that depend on nothing."""
_INFORMING: Final = ("Notify", "Report")
"""How requests of 2.x begin that tell something, and want no more than to be heard."""
_NOT_SUPPORTED: Final = frozenset(
    ("SignCertificate", "Get15118EVCertificate", "GetCertificateStatus")
)


def fixed_reply(version: Version, action: str) -> bytes | ErrorCode:
    """Return the result of a request that changes nothing, or the code of an error."""
    reply = _FIXED[version].get(action)
    if reply is not None:
        return reply
    if version is not Version.V16 and action.startswith(_INFORMING):
        return EMPTY
    is_known = action in _NOT_SUPPORTED
    return ErrorCode.NOT_SUPPORTED if is_known else ErrorCode.NOT_IMPLEMENTED


def boot_reply(utc: float, heartbeat_seconds: int) -> bytes:
    """Return the result of BootNotification: welcome, the time, and the interval of heartbeats."""
    return msgspec.json.encode(
        {
            "status": "Accepted",
            "currentTime": write_timestamp(utc),
            "interval": heartbeat_seconds,
        }
    )


def heartbeat_reply(utc: float) -> bytes:
    """Return the result of Heartbeat: the time."""
    return msgspec.json.encode({"currentTime": write_timestamp(utc)})


def start_reply(transaction_id: int) -> bytes:
    """Return the result of StartTransaction."""
    return msgspec.json.encode(
        {"transactionId": transaction_id, "idTagInfo": {"status": "Accepted"}}
    )


def stop_reply() -> bytes:
    """Return the result of StopTransaction."""
    return _ID_TAG_ACCEPTED


def event_reply(*, has_token: bool) -> bytes:
    """Return the result of TransactionEvent."""
    return _ID_TOKEN_ACCEPTED if has_token else EMPTY
