"""What a gateway may do in Redis, and which of its settings must be the same everywhere."""

from dataclasses import replace
from typing import Final

from services.gateway import scripts
from services.gateway.auth.credentials import MODES_WITH_SECRETS
from services.gateway.settings import GatewaySettings
from shared.bus.refusals.config_agreement import Agreement, Successor
from shared.bus.refusals.rights import Rights
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of
from shared.contract.names import ACCESS
from shared.reporting import scripts as reporting_scripts

RIGHTS: Final = Rights.of(
    ACCESS["gateway"],
    vars(scripts).values(),
    *("GET", "WAIT", "ZREM"),
    reporting=vars(reporting_scripts).values(),
)


def rights_of(settings: GatewaySettings) -> Rights:
    """Return the rights that a gateway with these settings needs."""
    if settings.wait_replicas:
        return RIGHTS
    return replace(RIGHTS, commands=tuple(name for name in RIGHTS.commands if name != "WAIT"))


def agreement_of(settings: GatewaySettings) -> Agreement:
    """Return the settings that must be the same in all instances."""
    agreement: dict[str, str | Successor] = {"CHARGELIGHT_PARTITIONS": str(settings.partitions)}
    if settings.device_auth in MODES_WITH_SECRETS:
        keys = [each.get_secret_value() for each in settings.credential_keys]
        key, *former = map(fingerprint_of, keys)
        # While the key is changed, gateways accept both, and registries say when it counts.
        agreement[KEY_AGREEMENT] = Successor(key, former[0], takes_over=False) if former else key
    return agreement
