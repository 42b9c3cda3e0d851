"""What a gateway's parts tell each other."""

from pathlib import Path

import pytest

from services.gateway.app import Gateway
from services.gateway.directory_watch import DirectoryWatch
from services.gateway.redis_check import rights_of
from services.gateway.settings import GatewaySettings
from shared.bus.echo import Echo
from shared.bus.single_server_bus import SingleServerBus
from shared.bus.single_server_subscriber import SingleServerSubscriber
from shared.contract.devices import Kind
from shared.process.metrics.readiness import Reason
from tests.fixtures.certificates import Ca


async def test_a_common_name_is_no_id_once_both_kinds_have_the_same_ca(tmp_path: Path) -> None:
    cas = {kind: Ca(tmp_path / kind) for kind in Kind}
    own = cas[Kind.CHARGER].server("localhost")
    gateway = Gateway(
        GatewaySettings(
            tls_certificate=own.certificate,
            tls_key=own.key,
            charger_ca=cas[Kind.CHARGER].certificate,
            widget_ca=cas[Kind.WIDGET].certificate,
        )
    )
    assert gateway._authenticator.has_ca_per_kind
    chargers, widgets = (Path(cas[kind].certificate) for kind in Kind)
    widgets.write_bytes(widgets.read_bytes() + chargers.read_bytes())
    gateway._tls[Kind.WIDGET].look()
    assert not gateway._authenticator.has_ca_per_kind


async def test_a_gateway_that_leaves_wants_no_devices_and_still_takes_them() -> None:
    gateway = Gateway(GatewaySettings())
    gateway._listening = True
    assert gateway.not_accepting_because() is None
    gateway.stopping = True
    assert gateway.not_accepting_because() == "stopping"
    not_ready = gateway.not_ready()
    assert not_ready is not None
    assert not_ready.reason is Reason.STOPPING
    assert gateway.context.refusal() is None


async def test_a_gateway_whose_replicas_lack_readings_is_not_ready_and_takes_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = Gateway(GatewaySettings(wait_replicas=2))
    gateway._listening = True
    for part in (SingleServerBus, SingleServerSubscriber):
        monkeypatch.setattr(part, "connected", True)
    monkeypatch.setattr(Echo, "comes_back", True)
    monkeypatch.setattr(DirectoryWatch, "complete", True)
    assert gateway.not_ready() is None
    assert gateway.chargers.replication is not None
    gateway.chargers.replication.lacking_since = 1.0
    not_ready = gateway.not_ready()
    assert not_ready is not None
    assert not_ready.reason is Reason.REPLICAS
    assert "CHARGELIGHT_REDIS_WAIT_REPLICAS=2" in not_ready.text
    assert gateway.not_accepting_because() is None


def test_a_gateway_that_waits_for_no_replica_needs_no_right_to() -> None:
    needed = {n: "WAIT" in rights_of(GatewaySettings(wait_replicas=n)).commands for n in (0, 1)}
    assert needed == {0: False, 1: True}
    assert Gateway(GatewaySettings()).chargers.replication is None
