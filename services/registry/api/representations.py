"""What the REST API takes and returns."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.names import is_device_id

ID_RULE: Final = "an id is 1 to 64 of A-Z a-z 0-9 . _ -"


def _must_be_id(text: str) -> str:
    if not is_device_id(text):
        raise ValueError(ID_RULE)
    return text


# No control characters: nobody would see them in a list, and Postgres takes no NUL.
Words = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]

DeviceId = Annotated[str, AfterValidator(_must_be_id)]
"""An id somebody wants to register or pair: it must be one that can exist."""

AnyId = Annotated[str, Path(description="An id; one that can not exist is not there")]
"""An id somebody asks about."""

Projected = Annotated[
    bool, Field(description="Whether gateways and routers act on it already (it is in Redis)")
]


class Registration(BaseModel):
    """What people call a device. What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    label: Words | None = Field(default=None, examples=["Booth 3, left"])
    location: Words | None = Field(default=None, examples=["Main stage"])


class RegisteredDevice(BaseModel):
    """A registered device."""

    id: str = Field(examples=["c1234"])
    label: str
    location: str
    pairing_number: int = Field(description="Number of the last change that touched it; grows")
    registered_at: datetime
    projected: Projected


class PairingWish(BaseModel):
    """Whom a charger shall be paired with."""

    model_config = ConfigDict(extra="forbid")

    widget: DeviceId = Field(examples=["wABCD"])


class CurrentPairing(BaseModel):
    """A charger and the widget that shows its charging status."""

    charger: str = Field(examples=["c1234"])
    widget: str = Field(examples=["wABCD"])
    pairing_number: int = Field(description="Another one after each change; grows")
    paired_at: datetime
    projected: Projected
