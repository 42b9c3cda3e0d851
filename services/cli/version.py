"""``chargelight --version``."""

from services.cli.failures import CommandFailedError
from services.cli.session import Session
from shared.version import VERSION


def show_version(session: Session) -> None:
    """Show the version of this program, and the registry's if it can be reached."""
    registry, missing = None, ""
    try:
        registry = session.api.version()
    except CommandFailedError as error:
        missing = str(error)
    session.output.fields({"chargelight": VERSION, "registry": registry})
    if missing:
        session.output.note(missing)
