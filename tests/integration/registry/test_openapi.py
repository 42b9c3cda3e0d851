"""The REST API keeps to its OpenAPI document, whatever it is sent.

Property-based, from the document itself: https://schemathesis.readthedocs.io. For each
operation, what is valid, what is nearly valid and what is not; half of it about things
that are there.
"""

import asyncio
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import httpx
import pytest
import redis
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from services.registry.routes.build import build
from services.registry.routes.dependencies import Parts
from tests.fixtures.processes import ServiceProcess, health_url, service_command
from tests.fixtures.redis_at import settings_for, urls_of_each
from tools.servers.ports import free_port
from tools.servers.postgres.databases import temporary_database
from tools.servers.postgres.server import Postgres
from tools.servers.redis.server import Redis

BOOTSTRAP_KEY: Final = "a-bootstrap-key-of-32-characters"
HEADERS: Final[dict[str, str]] = {}
"""An admin's, once the registry has started."""
EXAMPLES: Final = 50
"""Generated requests for each operation, besides those that cover the document's corners."""

WITH_BODY: Final = {"POST", "PUT", "PATCH"}

THERE: Final = {
    "charger": ("c1", "c2", "c3"),
    "widget": ("w1", "w2", "w3"),
    "device": ("c1", "c2", "c3", "w1", "w2", "w3"),
    "rental": tuple(f"00000000-0000-4000-8000-00000000000{digit}" for digit in (1, 2)),
}
"""Ids that exist, by the first word of a path parameter."""

NOBODY: Final = cast("Any", None)
"""Nothing is asked of Postgres or Redis to write the document."""

DOCUMENT: Final = build(Parts(*[NOBODY] * 8)).openapi()

load_all_checks()
(negative_data_rejection,) = CHECKS.get_by_names(["negative_data_rejection"])

# An answer that never ends: `test_live` reads it.
schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(path="/live")
# What is valid by itself may still be refused, with a documented status: an old cursor, a
# condition that does not hold any more, a file with a mistake in it.
schema.config.checks.positive_data_acceptance.enabled = False

once = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def dsn(postgres_server: Postgres) -> Iterator[str]:
    with temporary_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def registry_url(
    redis_server: Redis, dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A registry process of this module's own: what one operation makes, others find."""
    for address in urls_of_each(redis_server.url):
        with redis.Redis.from_url(address) as client:
            client.flushall()  # what the test before this module left
    port, health_port = free_port(), free_port()
    process = ServiceProcess(
        "registry",
        service_command("registry"),
        settings={
            **settings_for(redis_server.url),
            "CHARGELIGHT_POSTGRES_DSN": dsn,
            "CHARGELIGHT_REGISTRY_HOST": "127.0.0.1",
            "CHARGELIGHT_REGISTRY_PORT": str(port),
            "CHARGELIGHT_REGISTRY_HEALTH_PORT": str(health_port),
            "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
            "CHARGELIGHT_REGISTRY_ADMIN_KEY": BOOTSTRAP_KEY,
            "CHARGELIGHT_CREDENTIAL_KEY": "a-key-of-digests-of-32-characters",
        },
        ready_url=health_url(health_port),
        folder=Path(tmp_path_factory.mktemp("registry")),
    )
    process.start()
    try:
        asyncio.run(process.ready())
        url = f"http://127.0.0.1:{port}"
        HEADERS["Authorization"] = f"Bearer {_first_key(url)}"
        _populate(url)
        yield url
        code = asyncio.run(process.terminate())
        assert code == 0, process.log_tail()
    finally:
        process.kill()


def _first_key(url: str) -> str:
    wish = {"name": "ada", "role": "admin"}
    headers = {"Authorization": f"Bearer {BOOTSTRAP_KEY}"}
    made = httpx.post(f"{url}/keys", json=wish, headers=headers, trust_env=False)
    key: str = made.raise_for_status().json()["key"]
    return key


def _populate(url: str) -> None:
    """Register what is to be there, and open rentals."""
    with httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
        for kind in ("charger", "widget"):
            for device in THERE[kind]:
                client.put(f"/{kind}s/{device}", json={}).raise_for_status()
        for number, rental in enumerate(THERE["rental"], 1):
            wish = {"charger": f"c{number}", "widget": f"w{number}"}
            client.put(f"/rentals/{rental}", json=wish).raise_for_status()


def test_the_document_is_the_one_that_is_shown(registry_url: str) -> None:
    shown = httpx.get(f"{registry_url}/openapi.json", headers=HEADERS, trust_env=False).json()
    assert shown == DOCUMENT


@schema.hook
def map_path_parameters(_context: object, parameters: dict[str, Any] | None) -> Any:
    """Have half of all requests be about what is there: the others seldom find anything."""
    return parameters and {name: _there(name, value) for name, value in parameters.items()}


def _there(name: str, value: Any) -> Any:
    drawn = zlib.crc32(str(value).encode(errors="surrogatepass"))
    known = next((ids for word, ids in THERE.items() if name.startswith(word)), None)
    return value if known is None or drawn % 2 else known[drawn // 2 % len(known)]


def _is_about_what_is_there(case: schemathesis.Case[Any]) -> bool:
    named = (case.path_parameters or {}).values()
    return any(value in ids for value in named for ids in THERE.values())


@schemathesis.serializer("application/jsonl", "application/x-ndjson")
def as_it_is(_context: object, body: object) -> bytes:
    """Send the text of a file."""
    return body if isinstance(body, bytes) else str(body).encode(errors="surrogatepass")


@schema.parametrize()
@once
def test_every_operation_answers_as_it_says(
    case: schemathesis.Case[Any], registry_url: str
) -> None:
    # In a query a number is a text like any other, and a path that names what is there was
    # put in place of another: what was meant to be wrong may be right.
    may_be_right = case.method not in WITH_BODY or _is_about_what_is_there(case)
    excluded: list[Any] = [negative_data_rejection] if may_be_right else []
    case.call_and_validate(base_url=registry_url, headers=HEADERS, excluded_checks=excluded)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/chargers?loaction=here", "there are q, location, paired, canary, limit, cursor"),
        ("/chargers/c1?dry_run=true", "there are none here"),
        ("/rentals?charger=c1&charger=c2", "more than once"),
    ],
)
def test_a_parameter_that_nobody_would_notice_is_refused(
    registry_url: str, path: str, said: str
) -> None:
    answer = httpx.get(registry_url + path, headers=HEADERS, trust_env=False)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_mistyped_dry_run_imports_nothing(registry_url: str) -> None:
    answer = httpx.post(
        f"{registry_url}/import?dryrun=true",
        content="kind,id\ncharger,never-there\n",
        headers={**HEADERS, "Content-Type": "text/csv"},
        trust_env=False,
    )
    assert answer.status_code == 422
    path = f"{registry_url}/chargers/never-there"
    assert httpx.get(path, headers=HEADERS, trust_env=False).status_code == 404


@pytest.mark.parametrize("time", ["0.5", "1795494065", "yesterday", "2026-11-24T08:00:00"])
def test_a_time_is_written_out_with_its_zone(registry_url: str, time: str) -> None:
    path = f"{registry_url}/audit?since={time}"
    assert httpx.get(path, headers=HEADERS, trust_env=False).status_code == 422


def test_what_is_not_possible_at_a_path_says_what_is(registry_url: str) -> None:
    answer = httpx.post(f"{registry_url}/chargers/c1", headers=HEADERS, trust_env=False)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, PATCH, PUT"
    assert "DELETE, GET, HEAD, PATCH, PUT" in answer.json()["detail"]


def test_bytes_that_are_no_text_are_refused_like_any_other_body(registry_url: str) -> None:
    answer = httpx.put(
        f"{registry_url}/chargers/c1",
        content=b"\xff{",
        headers={**HEADERS, "Content-Type": "application/json"},
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["detail"]) == (422, "body: not JSON in UTF-8")
