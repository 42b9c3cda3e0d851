"""Findings about a device's refused handshakes. No I/O."""

from collections.abc import Sequence
from typing import Final

from services.registry.explain.finding import Cause, Finding, Mark, Rank, format_time
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
        return [Finding(Mark.WRONG, _ABOUT, _text(own[0]), _cause(kind, device.id, own[0]))]
    # Those come before any id.
    nameless = [each for each in since if each.kind == kind.value and each.id is None]
    return [Finding(Mark.NOTE, _ABOUT, f"perhaps this one: {_text(each)}") for each in nameless[:1]]


def note_refused(device_id: str, refused: Sequence[RefusedHandshake]) -> list[Finding]:
    """Return the last refusal of a device that is not registered, if there is one."""
    own = [each for each in refused if each.id == device_id]
    return [Finding(Mark.NOTE, _ABOUT, _text(each)) for each in own[:1]]


def _text(refused: RefusedHandshake) -> str:
    path = f", asks for {refused.path}" if refused.path else ""
    times = "1 time" if refused.count == 1 else f"{refused.count} times"
    return (
        f"{refused.reason}, {times}, last at {format_time(refused.last_at)} "
        f"on the {refused.kind} port from {refused.address}{path}"
    )


def _cause(kind: Kind, device_id: str, refused: RefusedHandshake) -> Cause:
    match refused.reason:
        case RefusalReason.UNAUTHORIZED:
            verdict = (
                f"{device_id} is refused: it presents no secret or certificate, or a wrong one."
            )
            remedy = f"Give it a new one: chargelight {kind.value}s secret generate {device_id}"
        case RefusalReason.CERTIFICATE:
            verdict = f"{device_id} is refused: its certificate is revoked."
            remedy = "Give it a new one, from the CA that the gateways trust."
        case RefusalReason.ORIGIN:
            verdict = f"{device_id} is refused: its Origin header may be a web page's."
            remedy = (
                "Its firmware must send none, or its hub's own address; or let it in with "
                "CHARGELIGHT_GATEWAY_ORIGINS or CHARGELIGHT_ALLOWED_HOSTS."
            )
        case RefusalReason.WRONG_PATH:
            verdict = f"{device_id} is refused: it asks the {refused.kind} port for {refused.path}."
            remedy = f"It must ask the {kind.value} port for /{kind.value}s/{device_id}"
        case RefusalReason.NOT_REGISTERED if refused.id != device_id or refused.kind != kind.value:
            verdict = f"A {refused.kind} that calls itself {refused.id} is refused: there is none."
            remedy = f"If it is this one, it must call itself {device_id}: case counts."
        case RefusalReason.NOT_REGISTERED:
            verdict = f"{device_id} was refused while it was not registered."
            remedy = "It connects again by itself, usually within a minute."
        case _:
            verdict = f"{device_id} is refused: what it sends is no WebSocket handshake."
            remedy = "Its firmware must send what docs/protocol.md says."
    return Cause(Rank.REFUSED, verdict, remedy)
