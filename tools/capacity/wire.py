"""How many bytes one reading, one status, one ping and one comparison are on each connection.

Counted from the messages themselves, as the services make them. TCP/IP headers are added
per packet; where many share a packet (everything between services and Redis under load),
they hardly count.
"""

from dataclasses import dataclass

from shared.bus.script import Argument, Call
from shared.bus.script_batches import command_of
from tools.capacity import sample_calls as calls
from tools.capacity.sample_calls import NAMES, charger_id, widget_id

_MASK = 4
_FRAME = 2
_READING = b'{"event":"StateOfCharge","data":{"soc":70.5}}'
_STATUS = b'{"event":"chargingStatus","data":{"status":"charging"}}'
_REPLY = len("$6\r\nstored\r\n")


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes in both directions, unless noted.

    Attributes:
        reading: Between a charger and the hub, its packet's acknowledgement included.
        reading_up: Of these, from the charger.
        status: Between the hub and a widget.
        status_down: Of these, to the widget.
        ping: A ping and its pong.
        ping_down: Of these, to the device.
        stored: Between services and Redis, for one reading: stored, heard by the router, its
            status written, cleared, and heard by the widget's gateway.
        reconciled: Between a gateway and Redis, for one comparison.
    """

    reading: int
    reading_up: int
    status: int
    status_down: int
    ping: int
    ping_down: int
    stored: int
    reconciled: int


def measure(header: int, record: int = 0) -> Wire:
    """Count the bytes.

    Args:
        header: Those of the TCP/IP headers of a packet.
        record: Those that TLS adds to a message.
    """
    frame = record + _FRAME
    reading_up = header + frame + _MASK + len(_READING)
    status_down = header + frame + len(_STATUS)
    ping_down = header + frame
    chargers, widgets = NAMES.chargers[7], NAMES.widgets[40]
    charger, widget = charger_id(7, 1234), widget_id(40, 4321)
    stored = (
        _call(calls.store(chargers, [charger], 1))
        + _message(chargers.readings, calls.doorbell(widget, charger, 1))
        + _call(calls.light(widgets, [widget], 1))
        + _message(widgets.status_channel(widget), calls.status(widget, charger, 1))
        + _call(calls.clear_pending(chargers, [charger], 1))
        + 3 * _REPLY
    )
    many = 100
    # Fingerprints that are as stored get no answer.
    reconciled = _call(calls.reconcile(chargers, [charger] * many, 1)) / many
    return Wire(
        # Its acknowledgement is a packet of its own, unless the hub sends something back.
        reading=reading_up + header,
        reading_up=reading_up,
        status=status_down + header,
        status_down=status_down,
        # The pong carries the acknowledgement of the ping, and is acknowledged itself.
        ping=ping_down + (header + frame + _MASK) + header,
        ping_down=2 * header + frame,
        stored=stored,
        reconciled=round(reconciled),
    )


def _call(call: Call) -> int:
    return _array(command_of([call]))


def _message(channel: str, payload: str) -> int:
    return _array(["message", channel, payload])


def _array(words: list[Argument]) -> int:
    """Return the length of an array of bulk strings (RESP)."""
    texts = [word.encode() if isinstance(word, str) else str(word).encode() for word in words]
    return len(f"*{len(texts)}\r\n") + sum(len(f"${len(t)}\r\n") + len(t) + 2 for t in texts)
