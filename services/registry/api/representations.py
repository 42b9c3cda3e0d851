"""What the REST API takes and returns."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, WithJsonSchema

from services.registry.devices.devices import Device
from services.registry.devices.lists import ListedDevice
from services.registry.devices.pairings import Pairing
from services.registry.words import Words
from shared.contract.connectors import is_id_of, rule_for
from shared.contract.credentials import Auth
from shared.contract.devices import ID_RULE, Kind, is_device_id
from shared.contract.full_when import FULL_WHEN_RULE, PATTERN, is_full_when


def _must_be_id(text: str) -> str:
    if not is_device_id(text):
        raise ValueError(ID_RULE)
    return text


DeviceId = Annotated[
    str,
    # The function checks, as everywhere else; the pattern is for the document.
    AfterValidator(_must_be_id),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$", "examples": ["c1234"]}),
]
"""An id to register or pair: it must have the right form."""


def _must_be_charger_id(text: str) -> str:
    if not is_id_of(Kind.CHARGER, text):
        raise ValueError(rule_for(text))
    return text


ChargerId = Annotated[
    str,
    AfterValidator(_must_be_charger_id),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Za-z0-9._-]{1,64}(:([2-9]|[1-9][0-9]))?$",
            "examples": ["c1234"],
        }
    ),
]
"""The same of a charger, or of a connector."""

BoothId = Annotated[
    str,
    AfterValidator(_must_be_id),
    WithJsonSchema(
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$", "examples": ["main-stage"]}
    ),
]
"""A booth's id has the form of a device's."""


def _must_be_id_or_empty(text: str) -> str:
    return _must_be_id(text) if text else text


BoothOrNone = Annotated[
    str,
    AfterValidator(_must_be_id_or_empty),
    WithJsonSchema(
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{0,64}$", "examples": ["main-stage"]}
    ),
]
"""A booth by its id; empty: none."""

Projected = Annotated[
    bool, Field(description="Whether gateways and routers act on it already (it is in Redis)")
]


class RequestBody(BaseModel):
    """A body without members that this version does not know."""

    model_config = ConfigDict(extra="forbid")


class Registration(RequestBody):
    """What people call a device. What is left out stays as it is."""

    label: Words | None = Field(
        default=None, description="What people call it", examples=["Booth 3, left"]
    )
    location: Words | None = Field(
        default=None, description="Where it stands", examples=["second shelf"]
    )
    booth: BoothOrNone | None = Field(
        default=None, description="In which booth it is; empty: in none", examples=["main-stage"]
    )
    auth: Auth | None = Field(
        default=None,
        description="What it proves itself with, where devices are asked: a secret or a "
        "certificate (`any`), or only a `certificate`",
        examples=["certificate"],
    )


class NewRegistration(Registration):
    """A device to register."""

    canary: StrictBool | None = Field(
        default=None,
        description="Whether it is the hub's own, and left out of lists; cannot be changed later",
        examples=[False],
    )


def _must_be_full_when(text: str) -> str:
    if not is_full_when(text):
        raise ValueError(FULL_WHEN_RULE)
    return text


FullWhen = Annotated[
    str,
    AfterValidator(_must_be_full_when),
    Field(
        description="What counts as full there: only what it reports (`reported`); that the "
        "vehicle takes no more (`suspended`); or that the meter stands still for so many minutes "
        "(`no-energy:10`). Once it reports a state of charge, only that counts",
        examples=["suspended"],
        json_schema_extra={"pattern": PATTERN},
    ),
]


class FullWhenWish(RequestBody):
    """What shall count as full at a charger."""

    full_when: FullWhen


class CurrentFullWhen(BaseModel):
    """What counts as full at a charger."""

    charger: str = Field(description="Its id, or a connector's", examples=["c1234"])
    full_when: FullWhen
    projected: Projected


class RegisteredDevice(Device):
    """A registered device."""

    projected: Projected


class DeviceAfterPut(RegisteredDevice):
    """A registered device, and what may be a mistake about it."""

    hint: str | None = Field(
        examples=["there is a charger C1234, too: capitals matter"],
        default=None,
        description="Only if it is new: another id differs only in capitals",
    )


class ListedCharger(RegisteredDevice):
    """A registered charger, in a list."""

    widget: str | None = Field(description="Whom it is paired with", examples=["wABCD"])


class ListedWidget(RegisteredDevice):
    """A registered widget, in a list."""

    charger: str | None = Field(description="Whom it is paired with", examples=["c1234"])


def listed(kind: Kind, device: ListedDevice, *, projected: bool) -> ListedCharger | ListedWidget:
    """Return a device as lists show it."""
    members = {**dict(device), "projected": projected}
    if kind is Kind.CHARGER:
        return ListedCharger(**members, widget=device.partner)
    return ListedWidget(**members, charger=device.partner)


class PairingWish(RequestBody):
    """Whom a charger shall be paired with."""

    widget: DeviceId = Field(description="Id of the widget", examples=["wABCD"])


class ChargerWish(RequestBody):
    """Whom a widget shall be paired with."""

    charger: ChargerId = Field(description="Id of the charger", examples=["c1234"])


class CurrentPairing(Pairing):
    """A charger and the widget that shows its charging status."""

    projected: Projected
