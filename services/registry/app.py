"""What a registry process owns: opened in order, closed in reverse."""

import asyncio
import random
from contextlib import AsyncExitStack

from services.registry.access.authorization import Authorization
from services.registry.access.expiry import Expiry
from services.registry.access.secret_hasher import SecretHasher
from services.registry.api.build import build
from services.registry.api.server import serving
from services.registry.directory.floors import Floors
from services.registry.directory.projection import Projection
from services.registry.directory.projector import Projector
from services.registry.live.redis_view import RedisView
from services.registry.postgres import migrate
from services.registry.postgres.database import Database, connection_string
from services.registry.postgres.listener import Listener
from services.registry.rentals.recorder import Recorder
from services.registry.routes import routes
from services.registry.settings import RegistrySettings
from shared.bus.factory import open_bus
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of
from shared.contract.names import Names
from shared.process import health, logs
from shared.process.runtime import Background, describe

_log = logs.get(__name__)


async def serve(settings: RegistrySettings, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, let running requests end, close.

    REST is there from the start and says 503 until Postgres is.

    Raises:
        CannotServeError: The settings or the migrations do not fit what is there.
    """
    _log.info("starting", **describe(settings))
    if settings.operator_auth == "off":
        _log.warning(
            "anybody who reaches this port may change everything: no API keys are asked for",
            remedy="CHARGELIGHT_REGISTRY_OPERATOR_AUTH=required",
        )
    rng = random.SystemRandom()
    conninfo = connection_string(settings.postgres_dsn.get_secret_value(), settings.instance_id)
    names = Names(settings.partitions)
    bus = open_bus(settings, settings.instance_id)
    database = Database(conninfo)
    floors_bus = open_bus(settings, f"{settings.instance_id}-floors")
    floors = Floors(database=database, bus=floors_bus, names=names, rng=rng)
    recorder_bus = open_bus(settings, f"{settings.instance_id}-rentals")
    recorder = Recorder(database, recorder_bus, names, rng)
    projector = Projector(
        database=database,
        bus=bus,
        projection=Projection(bus, names),
        agreement=_agreement(settings),
        full_seconds=settings.full_projection_seconds,
        poll_seconds=settings.poll_seconds,
        on_paired=floors.look_at,
        rng=rng,
    )
    listener = Listener(
        conninfo,
        database=database,
        migrations=migrate.load(),
        on_connected=projector.doubt,
        on_ring=projector.ring,
        rng=rng,
    )

    view = RedisView(open_bus(settings, f"{settings.instance_id}-view"), names)
    authorization = Authorization(
        database,
        required=settings.operator_auth == "required",
        admin_key=settings.admin_key.get_secret_value(),
    )
    preparation = SecretHasher(database, settings.credential_key.get_secret_value())
    api = build(authorization, routes(database, projector, view, preparation))

    def not_ready_because() -> str | None:
        return listener.trouble or projector.trouble

    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        background = Background(group)
        await stack.enter_async_context(
            health.listening(settings.host, settings.health_port, not_ready_because)
        )
        stack.push_async_callback(bus.close)
        stack.push_async_callback(floors_bus.close)
        stack.push_async_callback(recorder_bus.close)
        stack.push_async_callback(view.close)
        await stack.enter_async_context(database)
        stack.push_async_callback(background.stop)
        background.start(listener.run(), "postgres listener")
        background.start(projector.run(), "projector")
        background.start(floors.run(), "floors")
        background.start(recorder.run(), "record rentals")
        background.start(Expiry(database, rng).run(), "expire secrets")
        port = await stack.enter_async_context(serving(group, api, settings.host, settings.port))
        _log.info("serving", port=port, health_port=settings.health_port)
        await stop.wait()
        _log.info("stopping")


def _agreement(settings: RegistrySettings) -> dict[str, str]:
    """Return what all instances must be configured with alike."""
    agreement = {"CHARGELIGHT_PARTITIONS": str(settings.partitions)}
    key = settings.credential_key.get_secret_value()
    if key:
        agreement[KEY_AGREEMENT] = fingerprint_of(key)
    return agreement
