"""What the REST API takes and returns of rentals."""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.registry.api.representations import DeviceId, Projected
from services.registry.rentals.rentals import Rental

# No control characters, as in labels.
Ticket = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What stands on a visitor's ticket."""


class HandOver(BaseModel):
    """A visitor hands a phone over and is given a widget."""

    model_config = ConfigDict(extra="forbid")

    charger: DeviceId = Field(examples=["c1234"])
    widget: DeviceId | None = Field(
        default=None,
        description="Left out: the one that the charger is paired with",
        examples=["wABCD"],
    )
    ticket: Ticket | None = Field(default=None, examples=["0815"])


class PairingAfter(StrEnum):
    """What becomes of the pairing when a phone is collected."""

    END = "end"
    KEEP = "keep"


class Collection(BaseModel):
    """A visitor takes the phone back."""

    model_config = ConfigDict(extra="forbid")

    pairing: PairingAfter = Field(
        default=PairingAfter.END,
        description="keep: the two are a fixed pair; its light goes dark all the same",
    )
    widget_returned: bool = Field(default=True, description="Whether the widget came back")

    @model_validator(mode="after")
    def _what_is_gone_is_no_pair(self) -> Self:
        if self.pairing is PairingAfter.KEEP and not self.widget_returned:
            raise ValueError(
                "a widget that a visitor still has would show the next one's light: end the "
                "pairing, and pair the two again when it is back"
            )
        return self


class WidgetReturn(BaseModel):
    """A widget comes back after its phone was collected."""

    model_config = ConfigDict(extra="forbid")


class ShownRental(BaseModel):
    """One visitor's phone in one charger."""

    id: UUID
    charger: str = Field(examples=["c1234"])
    widget: str | None = Field(
        description="What the visitor was given; null: it was paired with another charger since",
        examples=["wABCD"],
    )
    ticket: str | None
    opened_at: datetime
    reached_80_at: datetime | None = Field(description="When its light became yellow")
    reached_100_at: datetime | None = Field(description="When its light became green")
    collected_at: datetime | None
    widget_returned_at: datetime | None
    pairing_number: int = Field(description="Number of the pairing that it began with")
    projected: Projected

    @classmethod
    def of(cls, rental: Rental, *, projected: bool) -> "ShownRental":
        """Return a rental as the API shows it."""
        return cls(**asdict(rental), projected=projected)
