"""Whatever the REST API can, the command line can: each operation, each filter, each member.

The commands are run; what counts is what they send.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter

from services.registry import routes
from services.registry.routes.build import ROUTERS, build
from services.registry.routes.dependencies import Parts
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry

RENTAL = "d0a76458-117d-49e4-90b3-7fcdf758705e"

# With every option there is, so that what the API takes and no option gives is found.
COMMANDS: dict[str, str] = {
    "list_booths": "booths list",
    "get_booth": "booths show main-stage",
    "create_booth": "booths create Tower --id tower",
    "rename_booth": "booths rename tower Tower",
    "remove_booth": "booths remove tower",
    "list_chargers": "chargers list --search a --location b --booth d --paired --canary",
    "register_charger": "chargers register c1 --label a --location b --booth d --auth any --canary",
    "get_charger": "chargers show c1",
    "update_charger": "chargers update c1 --label a --location b --booth d --auth any",
    "unregister_charger": "chargers unregister c1",
    "get_charger_state": "chargers state c1",
    "command_charger": f"chargers command c1 unlock --id {RENTAL}",
    "get_full_when": "chargers full-when c1",
    "set_full_when": "chargers full-when c1 suspended",
    "explain_device": "explain c1",
    "explain_charger": "explain c1 --charger",
    "list_refused": "refused",
    "set_charger_secret": "chargers secret set c1 --overlap-hours 1",
    "generate_charger_secret": "chargers secret generate c1 --overlap-hours 1",
    "get_charger_secret": "chargers secret show c1",
    "remove_charger_secret": "chargers secret remove c1",
    "list_widgets": "widgets list --search a --location b --booth d --unpaired --canary",
    "register_widget": "widgets register w1 --label a --location b --booth d --auth any --canary",
    "get_widget": "widgets show w1",
    "update_widget": "widgets update w1 --label a --location b --booth d --auth certificate",
    "unregister_widget": "widgets unregister w1",
    "get_widget_state": "widgets state w1",
    "explain_widget": "explain w1 --widget",
    "set_widget_secret": "widgets secret set w1 --overlap-hours 1",
    "generate_widget_secret": "widgets secret generate w1 --overlap-hours 1",
    "get_widget_secret": "widgets secret show w1",
    "remove_widget_secret": "widgets secret remove w1",
    "list_pairings": "pairings list --charger c1 --widget w1 --location a --booth d --canary",
    "get_pairing": "pairings show c1",
    "pair_charger": "pairings pair c1 w1 --replace",
    "unpair_charger": "pairings unpair c1",
    "get_widget_pairing": "widgets pairing w1",
    "pair_widget": "widgets pair w1 c1 --replace",
    "unpair_widget": "widgets unpair w1",
    "import_devices": "import - --dry-run --replace --create-booths",
    "export_devices": "export - --format jsonl --kind charger --booth d",
    "find_things": "find c1 --booth d",
    "print_labels": "labels charger - --search a --booth d --ids c1 --after c1 --address http://hub",
    "list_rentals": "rentals list --state open --charger c1 --widget w1 --booth d --ticket 1"
    " --charged-for 5 --widget-missing --order waiting",
    "open_rental": "rentals open c1 w1 --ticket 1 --replace",
    "summarise_rentals": "summary --since 2026-11-24 --until 2026-11-25 --booth d",
    "get_rental": f"rentals show {RENTAL}",
    "get_rental_history": f"rentals history {RENTAL}",
    "show_visitor_page": f"rentals visitor-page {RENTAL} --address http://hub",
    "collect_rental": f"rentals collect --id {RENTAL} --keep-pairing --widget-kept",
    "return_widget": f"rentals return-widget {RENTAL}",
    "list_state": "state --status charged --online --booth d --canary",
    "get_hub": "hub",
    "list_notifications": "notify list --state given_up",
    "test_notifications": "notify test",
    "retry_notifications": f"notify retry --event {RENTAL}",
    "get_support": "support-bundle bundle.zip",
    "create_key": "keys create anna viewer --days 90 --booth d",
    "renew_key": "keys renew 0123456789ab --days 90 --overlap-hours 1",
    "list_keys": "keys list",
    "get_key": "keys show 0123456789ab",
    "revoke_key": "keys revoke 0123456789ab",
    "who_am_i": "whoami",
    "list_audit": "audit --subject a --kind b --booth d --who c --action created"
    f" --import {RENTAL}"
    " --since 2026-11-24 --until 2026-11-25",
    "prune_old_data": "prune --dry-run",
    "erase_visitor": f"erase 1 --rental {RENTAL} --dry-run",
}

# Conditions (If-Match, If-None-Match) are for programs, which use the API itself.
NOT_TYPED = {"cursor"}
"""Queries that a command makes by itself, when it needs them."""

NO_COMMAND = {
    *("report_alerts", "begin_session", "end_session", "create_sign_in_code"),
    *("get_live_snapshot", "watch_live", "get_board"),
}
"""What only another program does: Alertmanager, the console in a browser, or a screen."""

GATHERED = {"get_support"}
"""What a command asks for together with other things."""

ANSWER: dict[str, Any] = {
    "items": [],
    "next": None,
    "more": False,
    "url": "",
    "key": "",
    "secret": "",
    "title": "",
    "findings": [],
    "levels": [],
    "lights": [],
    "estimate": None,
    "verdict": "",
    "remedy": None,
    "log": [],
    "redis": {"connected": False, "reason": "", "age_seconds": None, "servers": []},
    "postgres": {"connected": False, "reason": "", "age_seconds": None, "version": None},
    "partitions": 64,
    "instances": [],
    "waiting": dict.fromkeys(("devices", "unstored", "changes", "transitions", "overdue")),
    "events": [],
    "accepted": True,
}
"""Enough for every command."""


def routers() -> Iterator[APIRouter]:
    """Yield all routers that the registry's modules define."""
    for module_info in pkgutil.walk_packages(routes.__path__, f"{routes.__name__}."):
        module = importlib.import_module(module_info.name)
        yield from (value for value in vars(module).values() if isinstance(value, APIRouter))


def operations() -> dict[str, dict[str, Any]]:
    """Return the operations of the API's own document, with method, path and schemas."""
    nothing: Any = object()
    document = build(Parts(*[nothing] * 8)).openapi()
    found = {
        operation["operationId"]: {**operation, "method": method.upper(), "path": path}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    schemas = document["components"]["schemas"]
    for operation in found.values():
        operation["members"] = _members(operation, schemas)
    return found


def _members(operation: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """Return what a JSON body may have in it."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    for each in [schema, *schema.get("anyOf", [])]:
        if "$ref" in each:
            name = each["$ref"].rpartition("/")[2]
            return set(schemas[name].get("properties", {}))
    return set()


OPERATIONS = {name: operation for name, operation in operations().items() if name not in NO_COMMAND}


def test_the_document_is_all_of_the_api() -> None:
    # Or else the tests below would prove little.
    assert len(OPERATIONS) >= 40
    assert {id(each) for each in routers()} == {id(each) for each in ROUTERS}
    assert OPERATIONS["register_charger"]["members"] == {
        *("label", "location", "booth", "auth", "canary")
    }


def test_there_is_a_command_for_each_operation() -> None:
    missing = set(OPERATIONS) - set(COMMANDS)
    assert missing == set(), "write a command, and put it into COMMANDS"
    gone = set(COMMANDS) - set(OPERATIONS)
    assert gone == set(), "these operations are no more"


@pytest.mark.parametrize("operation_id", sorted(OPERATIONS))
def test_a_command_does_all_that_its_operation_can(
    run: Run,
    registry: FakeRegistry,
    operation_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    operation = OPERATIONS[operation_id]
    registry.answers(ANSWER)
    ran = run(*COMMANDS[operation_id].split(), given=b"a-secret-of-some-length\n")
    assert (ran.code, ran.errors) == (0, "")
    (method, path), *others = registry.asked()
    assert not others or operation_id in GATHERED
    assert method == operation["method"]
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation["path"]), path)
    queries = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
    assert queries - NOT_TYPED == set(registry.queries()[0])
    if operation["members"]:
        assert operation["members"] == set(registry.bodies()[0])
