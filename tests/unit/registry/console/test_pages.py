"""The console's files as the registry sends them, whatever else is away."""

import gzip
import re
from types import SimpleNamespace
from typing import Any, Final, cast

import httpx
import pytest

from services.registry.console.files import read_files
from services.registry.routes.build import build
from shared.process.runtime import CannotServeError
from shared.version import VERSION

NOTHING: Final = cast("Any", None)
FIRST_LOAD_BYTES: Final = 150 * 1024
"""What the first load may take, compressed."""
LATER: Final = "vendor/zxing-wasm/"
"""What is loaded only when a code is scanned; test_scanning.py looks whether it is."""


def client_of(prefix: str = "", *, required: bool = True) -> httpx.AsyncClient:
    """Ask an API that has neither Redis nor Postgres."""
    parts = SimpleNamespace(authorization=SimpleNamespace(required=required))
    api = build(cast("Any", parts), prefix)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(api), base_url="http://127.0.0.1", headers={"Accept": "*/*"}
    )


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/console/", "text/html; charset=utf-8"),
        ("/console/app.js", "text/javascript; charset=utf-8"),
        ("/console/console.css", "text/css; charset=utf-8"),
        ("/console/icon.svg", "image/svg+xml"),
        ("/console/texts/de.json", "application/json"),
        ("/console/hub.json", "application/json"),
        ("/console/vendor/zxing-wasm/reader/zxing_reader.wasm", "application/wasm"),
    ],
)
async def test_a_file_comes_with_its_type_and_is_asked_about_each_time(
    path: str, media_type: str
) -> None:
    async with client_of() as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert answer.headers["cache-control"] == "no-cache"
        again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
        assert (answer.headers.get("content-encoding"), plain.headers.get("content-encoding")) == (
            "gzip",
            None,
        )


async def test_the_page_may_load_only_what_the_hub_serves_and_runs_no_script_of_its_own() -> None:
    async with client_of() as client:
        answer = await client.get("/console/")
    policy = answer.headers["content-security-policy"]
    sources = dict(each.split(" ", 1) for each in policy.split("; "))
    assert sources.pop("default-src") == "'none'"
    assert {sources[f"{kind}-src"] for kind in ("style", "img", "connect")} == {"'self'"}
    assert sources["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert "unsafe-inline" not in policy
    assert re.findall(r"<script(?!( type=\"module\")? src=)|style=|\bon\w+=", answer.text) == []


async def test_no_file_names_another_server() -> None:
    texts = {
        path: file.body.decode()
        for path, file in read_files().items()
        if path.endswith((".js", ".css", ".html", ".svg")) and not path.startswith("vendor/")
    }
    assert texts
    for path, text in texts.items():
        code = re.sub(r"(?m)^\s*//.*$", "", text).replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"\b(?:https?|wss?)://", code), path


async def test_what_is_not_there_is_a_404_and_the_address_without_a_slash_leads_to_the_page() -> (
    None
):
    async with client_of("/registry") as client:
        for path in ("/console/nothing.js", "/console/%2e%2e/files.py", "/console/vendor/"):
            assert (await client.get(path)).status_code == 404, path
        answer = await client.get("/registry/console")
        assert answer.headers["location"] == "/registry/console/"
        assert (await client.get("/registry/console/")).status_code == 200
        assert (await client.post("/console/")).status_code == 405


@pytest.mark.parametrize(("required", "auth"), [(True, "required"), (False, "off")])
async def test_it_says_whether_a_key_is_needed(*, required: bool, auth: str) -> None:
    async with client_of(required=required) as client:
        said = (await client.get("/console/hub.json")).json()
    assert said == {"version": VERSION, "auth": auth}


def test_a_prefix_cannot_be_the_console() -> None:
    with pytest.raises(CannotServeError, match="/console"):
        build(NOTHING, "/console/of-ours")


def test_the_first_load_is_small() -> None:
    files = read_files()
    languages = [path for path in files if path.startswith("texts/")]
    assert len(languages) == 4
    later = {path for path in files if path.startswith(LATER)}
    assert later
    loaded = files.keys() - set(languages) - later
    most = max(len(files[path].packed) for path in languages)
    assert sum(len(files[path].packed) for path in loaded) + most <= FIRST_LOAD_BYTES


def test_what_is_compressed_is_the_same() -> None:
    for path, file in read_files().items():
        assert gzip.decompress(file.packed) == file.body, path
