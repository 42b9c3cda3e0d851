"""All that the REST API can do."""

from fastapi import APIRouter

from services.registry.access.audit_routes import audit_routes
from services.registry.access.key_routes import key_routes
from services.registry.access.secret_hasher import SecretHasher
from services.registry.access.secret_routes import secret_routes
from services.registry.bulk.export_routes import export_routes
from services.registry.bulk.import_routes import import_routes
from services.registry.devices.device_routes import device_routes
from services.registry.devices.devices import Kind
from services.registry.devices.list_routes import device_list_routes, pairing_list_routes
from services.registry.devices.pairing_routes import pairing_routes
from services.registry.directory.projector import Projector
from services.registry.explain.explain_routes import explain_routes
from services.registry.live.redis_view import RedisView
from services.registry.live.state_routes import live_routes
from services.registry.postgres.database import Database
from services.registry.rentals.rental_routes import rental_routes


def routes(
    database: Database, projector: Projector, view: RedisView, preparation: SecretHasher
) -> list[APIRouter]:
    """Return the routes, in the order in which the documentation shows them.

    Args:
        database: Postgres.
        projector: Tells when a change is in effect.
        view: Reads from Redis.
        preparation: Of devices' secrets.
    """
    return [
        *(device_list_routes(kind, database, projector) for kind in Kind),
        *(device_routes(kind, database, projector) for kind in Kind),
        *(secret_routes(kind, database, projector, preparation) for kind in Kind),
        pairing_list_routes(database, projector),
        pairing_routes(database, projector),
        rental_routes(database, projector),
        import_routes(database, projector, preparation),
        export_routes(database),
        live_routes(database, view),
        explain_routes(database, view),
        key_routes(database),
        audit_routes(database),
    ]
