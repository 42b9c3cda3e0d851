"""Estimates, as the REST API shows them."""

from pydantic import BaseModel, Field

from services.registry.estimate.estimate import Estimate, Range
from services.registry.estimate.progress import WhyNot


class Minutes(BaseModel):
    """From when until when something will happen."""

    earliest_minutes: int = Field(description="Not before so many minutes", examples=[25])
    latest_minutes: int = Field(description="Nor after so many", examples=[40])

    @classmethod
    def of(cls, found: Range | None) -> "Minutes | None":
        """Return a range as the API shows it."""
        if found is None:
            return None
        return cls(earliest_minutes=found.earliest, latest_minutes=found.latest)


class PhoneEstimate(BaseModel):
    """When a phone will be ready, from its own readings; about nine of ten are within."""

    to_80: Minutes | None = Field(description="Until it is at 80 %; null: it is, or `unknown`")
    to_100: Minutes | None = Field(description="Until it is full; null: it is, or `unknown`")
    unknown: WhyNot | None = Field(
        description="Why nothing can be said. too_few_readings: its level has not risen enough "
        "yet; just_plugged_in: it has only begun to rise; no_progress: it falls, or has not risen "
        "for long; stale: nothing was heard of it for 15 minutes"
    )

    @classmethod
    def of(cls, found: Estimate) -> "PhoneEstimate":
        """Return an estimate as the API shows it."""
        return cls(
            to_80=Minutes.of(found.to_80), to_100=Minutes.of(found.to_100), unknown=found.unknown
        )
