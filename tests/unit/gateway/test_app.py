"""What a gateway's parts tell each other."""

from pathlib import Path

from services.gateway.app import Gateway
from services.gateway.settings import GatewaySettings
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
