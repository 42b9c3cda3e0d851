"""What a client is told beside the tiles. No I/O."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from services.registry.feed.tile import Tile


class HubState(BaseModel):
    """Whether what is shown can be current."""

    model_config = ConfigDict(frozen=True)

    redis_away_since: datetime | None = Field(
        description="Since when lights, levels and presence cannot be read: all that is shown of "
        "them is as old. null: they can"
    )
    postgres_away_since: datetime | None = Field(
        description="The same of labels, places and rentals"
    )


class LiveSnapshot(BaseModel):
    """All chargers as a wall shows them, at one position of the feed."""

    position: str = Field(
        description="Where the stream goes on from here: `GET /live?position=…`",
        examples=["9f2c7a1b4e0d3c55-17"],
    )
    hub: HubState = Field(description="Whether it can be current")
    tiles: list[Tile] = Field(description="In no order")


class Snapshot(NamedTuple):
    """The same, with the tiles as JSON already."""

    position: str
    hub: HubState
    tiles: Sequence[str]

    def text(self) -> str:
        """Return it as JSON."""
        tiles = ",".join(self.tiles)
        hub = self.hub.model_dump_json()
        return f'{{"position":"{self.position}","hub":{hub},"tiles":[{tiles}]}}'
