"""What the REST API takes and returns."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from services.registry.devices.devices import Device
from services.registry.devices.pairings import Pairing
from shared.contract.devices import is_device_id

ID_RULE: Final = "an id is 1 to 64 of A-Z a-z 0-9 . _ -"


def _must_be_id(text: str) -> str:
    if not is_device_id(text):
        raise ValueError(ID_RULE)
    return text


MAX_CHARACTERS: Final = 200
WORDS_RULE: Final = f"at most {MAX_CHARACTERS} characters, no control characters"

# No control characters: lists would not show them, and Postgres takes no NUL.
Words = Annotated[str, Field(max_length=MAX_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A label or the like. (pydantic itself refuses half surrogate pairs.)"""

# fullmatch, because `$` would let a newline through.
_WORDS: Final = re.compile(rf"[^\x00-\x1f\x7f\ud800-\udfff]{{0,{MAX_CHARACTERS}}}")


def is_words(text: str) -> bool:
    """Tell whether a text may be a label or the like: the rule of `Words`."""
    return _WORDS.fullmatch(text) is not None


DeviceId = Annotated[
    str,
    # The function checks, as everywhere else; the pattern is for the document.
    AfterValidator(_must_be_id),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}),
]
"""An id to register or pair: it must have the right form."""

Projected = Annotated[
    bool, Field(description="Whether gateways and routers act on it already (it is in Redis)")
]


class RequestBody(BaseModel):
    """A body without members that this version does not know."""

    model_config = ConfigDict(extra="forbid")


class Registration(RequestBody):
    """What people call a device. What is left out stays as it is."""

    label: Words | None = Field(default=None, examples=["Booth 3, left"])
    location: Words | None = Field(default=None, examples=["Main stage"])


class RegisteredDevice(Device):
    """A registered device."""

    projected: Projected


class ListedCharger(RegisteredDevice):
    """A registered charger, in a list."""

    widget: str | None = Field(description="Whom it is paired with", examples=["wABCD"])


class ListedWidget(RegisteredDevice):
    """A registered widget, in a list."""

    charger: str | None = Field(description="Whom it is paired with", examples=["c1234"])


class PairingWish(RequestBody):
    """Whom a charger shall be paired with."""

    widget: DeviceId = Field(examples=["wABCD"])


class ChargerWish(RequestBody):
    """Whom a widget shall be paired with."""

    charger: DeviceId = Field(examples=["c1234"])


class CurrentPairing(Pairing):
    """A charger and the widget that shows its charging status."""

    projected: Projected
