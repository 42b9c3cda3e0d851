"""``chargelight refused``: who could not connect?"""

from typing import Final

import typer

from services.cli.api import address
from services.cli.session import session_of

_COLUMNS: Final = ["last_at", "count", "since", "reason", "kind", "path", "address", "gateway"]


def refused(context: typer.Context) -> None:
    """List devices that could not connect lately, and why; the newest first."""
    session = session_of(context)
    session.output.table(session.api.get(address("refused"))["items"], _COLUMNS)
