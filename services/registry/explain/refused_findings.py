"""Findings about a device's refused handshakes. No I/O."""

from collections.abc import Sequence
from typing import Final

from services.registry.explain.finding import Cause, Finding, Mark, Rank, Said, Value, say
from services.registry.live.refused import RefusedHandshake
from services.registry.live.state import ChargerState, WidgetState
from shared.contract.devices import Kind
from shared.contract.presence import RefusalReason

_ABOUT: Final = "refused"


def check_refused(
    kind: Kind, device: ChargerState | WidgetState, refused: Sequence[RefusedHandshake]
) -> list[Finding]:
    """Check whether an offline device tries to connect, and is refused; nothing if not.

    ``refused`` are those of all devices, the newest first.
    """
    if device.online:
        return []
    since = [
        each
        for each in refused
        if each.reason != RefusalReason.SHARED_ID  # such a device was connected
        and (not device.last_seen or each.last_at > device.last_seen)
    ]
    own = [each for each in since if each.id and each.id.casefold() == device.id.casefold()]
    if own:
        return [Finding(Mark.WRONG, _ABOUT, _said(own[0]), _cause(kind, device.id, own[0]))]
    # Those come before any id.
    nameless = [each for each in since if each.kind == kind.value and each.id is None]
    return [
        Finding(Mark.NOTE, _ABOUT, _said(each, "perhaps_", "perhaps this one: "))
        for each in nameless[:1]
    ]


def note_refused(device_id: str, refused: Sequence[RefusedHandshake]) -> list[Finding]:
    """Return the last refusal of a device that is not registered, if there is one."""
    own = [each for each in refused if each.id == device_id]
    return [Finding(Mark.NOTE, _ABOUT, _said(each)) for each in own[:1]]


def _said(refused: RefusedHandshake, before_code: str = "", before: str = "") -> Said:
    times = "1 time" if refused.count == 1 else "{count} times"
    text = f"{before}{{reason}}, {times}, last at {{last_at}} on the {{port}} port from {{address}}"
    values: dict[str, Value] = {
        "reason": refused.reason,
        "count": refused.count,
        "last_at": refused.last_at,
        "port": refused.kind,
        "address": refused.address,
    }
    if not refused.path:
        return say(f"{before_code}refused", text, **values)
    return say(
        f"{before_code}refused_path", f"{text}, asks for {{path}}", **values, path=refused.path
    )


_VERDICTS: Final = {
    RefusalReason.UNAUTHORIZED: (
        "unauthorized",
        "{id} is refused: it presents no secret or certificate, or a wrong one.",
        "Give it a new one: chargelight {kind}s secret generate {id}",
    ),
    RefusalReason.CERTIFICATE: (
        "certificate_revoked",
        "{id} is refused: its certificate is revoked.",
        "Give it a new one, from the CA that the gateways trust.",
    ),
    RefusalReason.ORIGIN: (
        "origin_refused",
        "{id} is refused: its Origin header may be a web page's.",
        (
            "Its firmware must send none, or its hub's own address; or let it in with "
            "CHARGELIGHT_GATEWAY_ORIGINS or CHARGELIGHT_ALLOWED_HOSTS."
        ),
    ),
    RefusalReason.WRONG_PATH: (
        "wrong_path",
        "{id} is refused: it asks the {port} port for {path}.",
        "It must ask the {kind} port for /{kind}s/{id}",
    ),
    RefusalReason.NOT_REGISTERED: (
        "was_not_registered",
        "{id} was refused while it was not registered.",
        "It connects again by itself, usually within a minute.",
    ),
}
_OTHER_ID: Final = (
    "other_id",
    "A {port} that calls itself {other_id} is refused: there is none.",
    "If it is this one, it must call itself {id}: case counts.",
)
_NO_HANDSHAKE: Final = (
    "no_handshake",
    "{id} is refused: what it sends is no WebSocket handshake.",
    "Its firmware must send what docs/protocol.md says.",
)


def _cause(kind: Kind, device_id: str, refused: RefusedHandshake) -> Cause:
    code, verdict, remedy = _VERDICTS.get(RefusalReason(refused.reason), _NO_HANDSHAKE)
    is_other = refused.id != device_id or refused.kind != kind.value
    if refused.reason == RefusalReason.NOT_REGISTERED and is_other:
        code, verdict, remedy = _OTHER_ID
    said = say(
        code,
        verdict,
        id=device_id,
        kind=kind.value,
        port=refused.kind,
        path=refused.path or "",
        other_id=refused.id or "",
    )
    return Cause(Rank.REFUSED, said, remedy)
