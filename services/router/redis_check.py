"""What a router may do in Redis, and which of its settings must be the same everywhere."""

from typing import Final

from services.router import scripts
from services.router.settings import RouterSettings
from shared.bus.refusals.rights import Rights
from shared.contract.names import ACCESS
from shared.contract.thresholds import name_of_version
from shared.reporting import scripts as reporting_scripts

RIGHTS: Final = Rights.of(
    ACCESS["router"],
    vars(scripts).values(),
    "ZREM",
    reporting=vars(reporting_scripts).values(),
)


def agreement_of(settings: RouterSettings) -> dict[str, str]:
    """Return the settings that must be the same in all instances."""
    # Thresholds may differ during a rollout, but not under one version.
    version = name_of_version(settings.thresholds_version)
    return {"CHARGELIGHT_PARTITIONS": str(settings.partitions), version: settings.thresholds}
