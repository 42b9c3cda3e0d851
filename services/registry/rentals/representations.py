"""What the REST API takes and returns of rentals."""

from enum import StrEnum
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from services.registry.api.representations import ChargerId, DeviceId, Projected, RequestBody
from services.registry.rentals import short_ids
from services.registry.rentals.rentals import PublicRental, Rental
from services.registry.words import PATTERN, Normalised, is_words

_TICKET_CHARACTERS: Final = 64


def _must_be_ticket(text: str) -> str:
    if not (0 < len(text) <= _TICKET_CHARACTERS and is_words(text)):
        raise ValueError(f"a ticket is 1 to {_TICKET_CHARACTERS} characters, no control characters")
    return text


Ticket = Annotated[
    str,
    Normalised,
    AfterValidator(_must_be_ticket),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": _TICKET_CHARACTERS,
            "pattern": PATTERN,
        }
    ),
]
"""What stands on a visitor's ticket."""


EitherId = Annotated[
    UUID | int,
    BeforeValidator(short_ids.decode),
    WithJsonSchema(
        {"type": "string", "pattern": short_ids.PATTERN, "examples": [short_ids.EXAMPLE]}
    ),
]
"""A rental's id, or its short id as the opening number that it stands for."""


class HandOver(RequestBody):
    """A visitor hands a phone over and is given a widget."""

    charger: ChargerId = Field(description="Where the phone is put", examples=["c1234"])
    widget: DeviceId | None = Field(
        default=None,
        description="Left out: the one that the charger is paired with",
        examples=["wABCD"],
    )
    ticket: Ticket | None = Field(
        default=None, description="What stands on the visitor's ticket", examples=["0815"]
    )


class PairingAfter(StrEnum):
    """What becomes of the pairing when a phone is collected."""

    END = "end"
    KEEP = "keep"


class Collection(RequestBody):
    """A visitor takes the phone back."""

    pairing: PairingAfter | None = Field(
        default=None,
        description="keep: the two stay a pair; its light goes dark all the same. Left out: they "
        "stay one if they were one before the hand-over and the widget came back; else it ends",
    )
    widget_returned: bool = Field(
        default=True, strict=True, description="Whether the widget came back"
    )

    @model_validator(mode="after")
    def _check_widget_returned(self) -> Self:
        if self.pairing is PairingAfter.KEEP and not self.widget_returned:
            raise ValueError(
                "a widget that a visitor still has would show the next one's light: end the "
                "pairing, and pair the two again when it is back"
            )
        return self

    def keeps_pairing(self, *, paired_before: bool) -> bool:
        """Tell whether the pairing stays; ``paired_before``: the two were one before."""
        if self.pairing is None:
            return paired_before and self.widget_returned
        return self.pairing is PairingAfter.KEEP


class WidgetReturn(RequestBody):
    """A widget comes back after its phone was collected."""


class ShownRental(PublicRental):
    """One visitor's phone in one charger."""

    short_id: str = Field(
        description="For people: works wherever the id does, but to open a rental",
        examples=[short_ids.EXAMPLE],
    )
    projected: Projected

    @classmethod
    def of(cls, rental: Rental, *, projected: bool) -> "ShownRental":
        """Return a rental as the API shows it."""
        short_id = short_ids.encode(rental.opening_number)
        return cls(**dict(rental), short_id=short_id, projected=projected)
