"""The history of a rental, as the REST API shows it."""

from pydantic import BaseModel, Field

from services.registry.estimate.shown import PhoneEstimate
from services.registry.history.rows import LevelAt, LightAt


class RentalHistory(BaseModel):
    """How full a rental's phone was over time, and its lights."""

    levels: list[LevelAt] = Field(
        description="The oldest first, at most one per percent: a phone that was used meanwhile "
        "is at it again later"
    )
    lights: list[LightAt] = Field(description="Each change, the oldest first")
    estimate: PhoneEstimate | None = Field(
        description="When it will be ready; null: it was collected, or was not heard of yet, or "
        "Redis is away"
    )
