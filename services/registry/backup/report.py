"""What backup and restore tell an operator. No I/O, and nothing that is secret."""

from collections.abc import Mapping

from services.registry.backup.backup_file import WARNING, Header
from services.registry.backup.comparison import Difference
from services.registry.backup.opened_file import STANDARD
from services.registry.backup.tables import NEVER_EMPTY


def of_backup(name: str, rows: Mapping[str, int]) -> str:
    """Return the lines about a backup that was written."""
    where = "standard output" if name == STANDARD else name
    return f"backed up to {where}: {_counts(rows)}\nIt holds {WARNING}.\n"


def of_restore(header: Header, rows: Mapping[str, int]) -> str:
    """Return the line about a restore that was done."""
    return f"restored the backup of {header.taken_at}: {_counts(rows)}\n"


def of_difference(each: Difference) -> str:
    """Return the line about one device."""
    if not each.is_restored:
        said = "the hub knew it, the backup does not: it is not registered any more"
    elif not each.is_in_hub:
        said = "the hub did not know it, the backup does: it is registered again"
    elif each.hub_partner == each.restored_partner:
        said = f"was paired with {each.hub_partner} again since the backup (another visitor)"
    else:
        was, now = each.hub_partner or "nothing", each.restored_partner or "nothing"
        said = f"was paired with {was}, is paired with {now}"
    return f"  {each.kind} {each.id}: {said}\n"


def next_step(count: int, obstacle: str | None) -> str:
    """Return the last lines: what the operator does now."""
    if obstacle is not None:
        found = (
            f"Not compared with what the hub was doing: {obstacle}.\n"
            "Next: start the registry. It brings the restored directory into effect."
        )
    elif count:
        noun = "difference" if count == 1 else "differences"
        found = (
            f"{count} {noun} from what the hub was doing.\n"
            "Next: the registry brings the restored directory into effect; start it if none runs.\n"
            "Then look at each device above, and make the changes since the backup again."
        )
    else:
        found = "Nothing differs from what the hub was doing."
    return (
        f"{found}\n"
        "API keys and secrets of devices are those of the backup: revoke and replace again what\n"
        "was revoked or replaced since. `chargelight audit` shows it, if this database had it.\n"
    )


def _counts(rows: Mapping[str, int]) -> str:
    shown = {table: count for table, count in rows.items() if count and table != NEVER_EMPTY}
    return ", ".join(f"{table} {count}" for table, count in shown.items()) or "no rows"
