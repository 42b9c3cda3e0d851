"""The charger port for OCPP: which connection a charger gets, by the subprotocols it offers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import SecretStr
from websockets.datastructures import Headers, MultipleValuesError

from services.gateway.auth.credentials import secret_in
from services.gateway.chargers.charger_connection import JSON_CHARGERS
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import Dialect
from services.gateway.connection.endpoint import DeviceHandler, Endpoint, Negotiated
from services.gateway.ocpp.authorization import password_in
from services.gateway.ocpp.frames import MAX_MESSAGE_BYTES
from services.gateway.ocpp.negotiation import Version, begins_call, choose, path_of
from services.gateway.ocpp_chargers.commands import OperatorCommands
from services.gateway.ocpp_chargers.connector import OcppEvents
from services.gateway.ocpp_chargers.ocpp_connection import OcppConnection
from services.gateway.ocpp_chargers.records import Records
from shared.contract.charger_commands import Command, Unsent
from shared.contract.device_protocol import CloseCode
from shared.contract.names import partition_of

_OFFER: Final = f"offer {', '.join(Version)}, or no subprotocol"


def _secret_in(headers: Headers, charger_id: str) -> SecretStr:
    """Return the secret: also one that cannot be typed, or one as our own devices present it."""
    try:
        password = password_in(headers.get("Authorization", ""), charger_id)
    except MultipleValuesError:
        return SecretStr("")
    return SecretStr(password) if password else secret_in(headers, charger_id)


OCPP: Final = Dialect(
    JSON_CHARGERS.paths,
    JSON_CHARGERS.decode,
    # A bad frame has its answer from the rules of OCPP, or none.
    lambda _code, _message: b"",
    path_of,
    _secret_in,
    MAX_MESSAGE_BYTES,
)


def with_ocpp(
    native: Endpoint,
    events: OcppEvents,
    partitions: int,
    records: Records,
    commands: OperatorCommands,
    *,
    needs_subprotocol: bool = True,
    wall_clock: Callable[[], float] = time.time,
) -> Endpoint:
    """Return an endpoint of chargers that offers OCPP beside our own dialect.

    Without ``needs_subprotocol`` a first message that only OCPP 1.6 has is enough, too.
    """

    def ocpp_of(version: Version, kind: type[OcppConnection] = OcppConnection) -> Endpoint:
        def handler(connection: DeviceConnection, charger_id: str) -> DeviceHandler:
            partition = partition_of(charger_id, partitions)
            return kind(
                connection,
                charger_id,
                partition,
                events,
                records=records,
                commands=commands,
                version=version,
                wall_clock=wall_clock,
            )

        return replace(native, dialect=OCPP, handler=handler)

    by_version = {version: ocpp_of(version) for version in Version}
    refused = replace(native, dialect=OCPP, handler=_UnknownSubprotocol)
    if not needs_subprotocol:
        undecided = ocpp_of(Version.V16, _UndecidedConnection)
        dialect = replace(JSON_CHARGERS, max_message_bytes=MAX_MESSAGE_BYTES)
        native = replace(undecided, dialect=dialect)

    def negotiate(offered: Sequence[str]) -> Negotiated:
        choice = choose(offered)
        if choice.is_refused:
            return Negotiated(refused, None)
        endpoint = native if choice.version is None else by_version[choice.version]
        return Negotiated(endpoint, choice.subprotocol)

    return replace(native, negotiate=negotiate)


class _UnknownSubprotocol(DeviceHandler):
    """A charger that offers only versions of OCPP which the hub does not speak."""

    __slots__ = ()

    def on_open(self) -> None:
        """Close: a refused handshake would tell the charger nothing."""
        self.connection.fail(CloseCode.PROTOCOL_ERROR, _OFFER)


class _UndecidedConnection(OcppConnection):
    """A charger that offered no subprotocol: its first message tells how it speaks."""

    __slots__ = ("_speaks_ocpp",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._speaks_ocpp: bool | None = None

    def on_message(self, message: bytes) -> None:
        """Take a message."""
        if self._speaks_ocpp is None:
            self._speaks_ocpp = begins_call(message)
            self.connection.dialect = OCPP if self._speaks_ocpp else JSON_CHARGERS
            self.connection.websocket.max_fragment_size = self.connection.dialect.max_message_bytes
        if self._speaks_ocpp:
            super().on_message(message)
        else:
            self.take_native(message)

    def ask_again(self) -> None:
        """Have the charger say its level again, in its dialect."""
        if self._speaks_ocpp:
            super().ask_again()
        else:
            self.close_to_ask()

    def take_command(self, command: Command) -> None:
        """Queue an operator's command, which only OCPP has."""
        if self._speaks_ocpp:
            super().take_command(command)
        else:
            self._tell_unsent(command.id, Unsent.NOT_OCPP)
