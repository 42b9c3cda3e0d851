"""What the REST API takes and returns of rentals."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.registry.api.representations import DeviceId, Projected, RequestBody
from services.registry.rentals.rentals import PublicRental, Rental

# No control characters, as in labels.
Ticket = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What stands on a visitor's ticket."""


class HandOver(RequestBody):
    """A visitor hands a phone over and is given a widget."""

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


class Collection(RequestBody):
    """A visitor takes the phone back."""

    pairing: PairingAfter = Field(
        default=PairingAfter.END,
        description="keep: the two are a fixed pair; its light goes dark all the same",
    )
    widget_returned: bool = Field(default=True, description="Whether the widget came back")

    @model_validator(mode="after")
    def _check_widget_returned(self) -> Self:
        if self.pairing is PairingAfter.KEEP and not self.widget_returned:
            raise ValueError(
                "a widget that a visitor still has would show the next one's light: end the "
                "pairing, and pair the two again when it is back"
            )
        return self


class WidgetReturn(RequestBody):
    """A widget comes back after its phone was collected."""


class ShownRental(PublicRental):
    """One visitor's phone in one charger."""

    projected: Projected

    @classmethod
    def of(cls, rental: Rental, *, projected: bool) -> "ShownRental":
        """Return a rental as the API shows it."""
        return cls(**dict(rental), projected=projected)
