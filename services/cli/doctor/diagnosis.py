"""All rules, in the order in which an operator reads them. No I/O."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from services.cli.doctor import access_rules, port_rules, upkeep_rules
from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, Mark

_CHECKS: Final[dict[str, Callable[[Facts], Iterable[Finding]]]] = {
    "operators": access_rules.check_operators,
    "API keys": access_rules.check_keys,
    "REST": port_rules.check_rest,
    "devices": access_rules.check_devices,
    "device ports": port_rules.check_device_ports,
    "former key": access_rules.check_former_key,
    "certificates": port_rules.check_certificates,
    "Redis, Postgres": port_rules.check_stores,
    "services": upkeep_rules.check_services,
    "health ports": port_rules.check_health_ports,
    "settings": upkeep_rules.check_settings,
    "trust": upkeep_rules.check_trust,
    "audit log": upkeep_rules.check_audit_log,
    "retention": upkeep_rules.check_retention,
    "backups": upkeep_rules.check_backups,
    "refusals": upkeep_rules.check_refusals,
}


class Line(NamedTuple):
    """A finding, and what it is about."""

    about: str
    finding: Finding


def diagnose(facts: Facts) -> Iterator[Line]:
    """Yield what was found; of a subject about which nothing was, that it is right."""
    for about, check in _CHECKS.items():
        found = list(check(facts)) or [Finding(Mark.RIGHT, "nothing found")]
        yield from (Line(about, finding) for finding in found)
