"""The client: pages, addresses, keys, and what it makes of answers."""

import asyncio
import gzip
import json
import ssl
from pathlib import Path

import httpx
import pytest

from services.cli.api import Api, address
from services.cli.failures import RefusedError, UnreachableError, WrongUseError
from tests.fixtures.certificates import Ca
from tests.unit.cli.doctor.told_server import server
from tests.unit.cli.fake_registry import FakeRegistry, problem

URL = "http://registry:3300"


@pytest.fixture
def api(registry: FakeRegistry) -> Api:
    return Api(URL, "", registry.transport)


# Addresses.


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("c1", "/chargers/c1/state"),
        ("a/b", "/chargers/a%2Fb/state"),
        ("../keys/x", "/chargers/..%2Fkeys%2Fx/state"),
        ("..", "/chargers/%2E%2E/state"),
        (".", "/chargers/%2E/state"),
        ("a?b#c", "/chargers/a%3Fb%23c/state"),
        ("50%", "/chargers/50%25/state"),
        ("ä", "/chargers/%C3%A4/state"),
        ("\udcff", "/chargers/%FF/state"),  # a byte that is no UTF-8, as Python reads it
    ],
)
def test_what_was_typed_stays_one_segment_of_the_path(
    api: Api, registry: FakeRegistry, typed: str, path: str
) -> None:
    api.get(address("chargers", typed, "state"))
    assert list(registry.asked()) == [("GET", path)]


def test_the_root_may_have_a_path_of_its_own(registry: FakeRegistry) -> None:
    Api("https://hub.example/chargelight/", "", registry.transport).get(address("whoami"))
    assert str(registry.requests[0].url) == "https://hub.example/chargelight/whoami"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry:3300",
        "ftp://registry",
        "http://",
        "http://a:b",
        "http://[::1",
        "http://a:99999",
        "http://anna:gehe/im@registry",
        "http://anna:gehe im@registry",
        "http://anna:gehe%im@registry:99999",
        "http://registry/#geheim",
        "http://gehe\u2100im@registry",
    ],
)
def test_what_is_no_url_is_wrong_use_and_is_not_repeated(url: str) -> None:
    with pytest.raises(
        WrongUseError, match=r"CLI_URL .* no HTTP URL: .* One is http://"
    ) as refused:
        Api(url, "")
    assert not [part for part in ("gehe", "anna") if part in str(refused.value)]


@pytest.mark.parametrize("url", ["http://anna:geheim@registry", "http://registry/?key=geheim"])
def test_a_url_with_a_secret_in_it_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(WrongUseError, match="--key-file") as refused:
        Api(url, "")
    assert "geheim" not in str(refused.value)


# Queries and bodies.


def test_what_was_not_asked_for_is_no_part_of_the_query(api: Api, registry: FakeRegistry) -> None:
    api.get(address("chargers"), q=None, paired=False, location="Main stage & more")
    assert registry.queries() == [{"paired": "false", "location": "Main stage & more"}]


def test_what_is_no_text_is_wrong_use(api: Api, registry: FakeRegistry) -> None:
    with pytest.raises(WrongUseError, match="not UTF-8"):
        api.put(address("chargers", "c1"), {"label": "\udcff"})
    with pytest.raises(WrongUseError, match="not UTF-8"):
        api.get(address("chargers"), q="\udcff")
    assert registry.requests == []


# The key.


def test_a_key_is_presented(registry: FakeRegistry) -> None:
    Api(URL, "clk_a_b", registry.transport).get(address("whoami"))
    assert registry.requests[0].headers["Authorization"] == "Bearer clk_a_b"


def test_without_a_key_none_is_presented(api: Api, registry: FakeRegistry) -> None:
    api.get(address("whoami"))
    assert "Authorization" not in registry.requests[0].headers


@pytest.mark.parametrize("key", ["clk_ä", "clk_a\nHost: evil", "clk_a clk_b", "\x00"])
def test_what_can_be_no_key_is_never_sent_nor_repeated(key: str) -> None:
    with pytest.raises(WrongUseError, match="CHARGELIGHT_CLI_KEY") as refused:
        Api(URL, key)
    assert key not in str(refused.value)


def test_who_has_no_key_is_told_where_to_put_one(api: Api, registry: FakeRegistry) -> None:
    registry.answers(problem(401, "present an API key"))
    with pytest.raises(
        RefusedError, match=r"present an API key\nSet CHARGELIGHT_CLI_KEY.*--key-file"
    ):
        api.get(address("whoami"))


def test_who_has_a_wrong_key_is_told_that_it_is_wrong(registry: FakeRegistry) -> None:
    registry.answers(problem(401, "present an API key"))
    with pytest.raises(RefusedError, match=r"not known here, or it was revoked$"):
        Api(URL, "clk_a_b", registry.transport).get(address("whoami"))


@pytest.mark.parametrize(
    ("whose", "is_registry"),
    [("its own", True), ("another name's", False), ("a stranger's", False)],
)
async def test_a_key_goes_to_a_server_with_a_trusted_certificate_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str, *, is_registry: bool
) -> None:
    ca = Ca(tmp_path / "ca")
    shown = {
        "its own": ca.server("localhost"),
        "another name's": ca.server("gateway", file="gateway"),
        "a stranger's": Ca(tmp_path / "other").server("localhost"),
    }[whose]
    monkeypatch.setenv("SSL_CERT_FILE", ca.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*shown)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + b'{"name":"ada"}'
    async with server(answer, context) as number:
        api = Api(f"https://localhost:{number}", "clk_a_b")
        asking = asyncio.to_thread(api.get, address("whoami"))
        if is_registry:
            assert await asking == {"name": "ada"}
        else:
            with pytest.raises(UnreachableError, match="its certificate is"):
                await asking


# Pages.


def ids(*numbers: int) -> list[dict[str, int]]:
    return [{"id": number} for number in numbers]


def test_all_pages_are_fetched_with_their_filters(api: Api, registry: FakeRegistry) -> None:
    registry.answers({"items": ids(1, 2), "next": "n1"}, {"items": ids(3), "next": None})
    found = api.pages(address("chargers"), None, paired=True)
    assert [each["id"] for each in found] == [1, 2, 3]
    assert not found.cut_off
    assert registry.queries() == [
        {"limit": "1000", "paired": "true"},
        {"limit": "1000", "paired": "true", "cursor": "n1"},
    ]


def test_no_page_is_fetched_before_somebody_looks(api: Api, registry: FakeRegistry) -> None:
    registry.answers({"items": ids(1), "next": "n1"}, {"items": ids(2), "next": None})
    looking = iter(api.pages(address("chargers"), None))
    assert next(looking)["id"] == 1
    assert len(registry.requests) == 1


def test_no_more_are_asked_for_than_are_wanted(api: Api, registry: FakeRegistry) -> None:
    registry.answers({"items": ids(*range(1000)), "next": "n1"}, {"items": ids(1, 2), "next": "n2"})
    found = api.pages(address("chargers"), 1002)
    assert len(list(found)) == 1002
    assert [query["limit"] for query in registry.queries()] == ["1000", "2"]
    assert found.cut_off


def test_as_many_as_there_are_is_not_cut_off(api: Api, registry: FakeRegistry) -> None:
    registry.answers({"items": ids(1, 2), "next": None})
    found = api.pages(address("chargers"), 2)
    assert len(list(found)) == 2
    assert not found.cut_off


def test_an_empty_page_is_not_the_end(api: Api, registry: FakeRegistry) -> None:
    # GET /state looks at so many chargers and no more, whether they pass the filter or not.
    registry.answers({"items": [], "next": "n1"}, {"items": ids(7), "next": None})
    assert [each["id"] for each in api.pages(address("state"), 5)] == [7]
    assert registry.queries()[1]["limit"] == "5"


# Refusals.


def refusal(api: Api) -> str:
    with pytest.raises(RefusedError) as refused:
        api.get(address("chargers", "c1"))
    return str(refused.value)


def test_a_problem_is_told_in_its_own_words(api: Api, registry: FakeRegistry) -> None:
    registry.answers(problem(404, "no charger with the id 'c1' is registered"))
    assert refusal(api) == "no charger with the id 'c1' is registered"


def test_a_wrong_value_is_named_as_it_was_typed(api: Api, registry: FakeRegistry) -> None:
    errors = [
        {"where": "body.label", "problem": "too long"},
        {"where": "query.q", "problem": "too short"},
        {"where": "body", "problem": "not JSON"},
    ]
    registry.answers(problem(422, "body.label: too long; …", errors=errors))
    assert refusal(api) == "label: too long; q: too short; body: not JSON"


def test_each_mistake_of_a_file_has_its_line(api: Api, registry: FakeRegistry) -> None:
    errors = [
        {"line": 2, "column": "id", "problem": "missing"},
        {"line": 7, "column": None, "problem": "not JSON"},
    ]
    registry.answers(problem(422, "nothing was imported", errors=errors, total=1002))
    assert refusal(api).splitlines() == [
        "nothing was imported",
        "  line 2, id: missing",
        "  line 7: not JSON",
        "  and 1,000 more",
    ]


def test_a_route_that_is_not_there_is_not_told_as_a_device_that_is_not_there(
    api: Api, registry: FakeRegistry
) -> None:
    told = (
        "this registry has no GET /chargers/c1. Is it older than this command line, or the path "
        "in CHARGELIGHT_CLI_URL wrong?"
    )
    registry.answers(problem(404, "Not Found"))
    assert refusal(api) == told
    no_address = "urn:chargelight:problem:no-such-address"
    registry.answers(problem(404, "there is no such address", type=no_address))
    assert refusal(api) == told


def test_a_single_mistake_in_a_file_is_told_once(api: Api, registry: FakeRegistry) -> None:
    errors = [{"line": 2, "column": "id", "problem": "missing"}]
    said = "nothing was imported because of 1 mistake; the first, line 2, id: missing"
    registry.answers(problem(422, said, errors=errors, total=1))
    assert refusal(api) == said


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b"\xff", b'{"detail": 7}', b'{"errors": 7}', b"[" * 9999],
)
def test_a_refusal_of_somebody_else_is_told_by_its_status(
    api: Api, registry: FakeRegistry, body: bytes
) -> None:
    registry.answers(httpx.Response(404, content=body))
    assert refusal(api) == f"HTTP 404 from {URL}, and no reason given. Is it a registry?"


# No registry.


def complaint(api: Api) -> str:
    with pytest.raises(UnreachableError) as failed:
        api.get(address("chargers", "c1"))["id"]
    return str(failed.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "Connection refused"),
        (httpx.ConnectTimeout("timed out"), "timed out"),
        (
            httpx.ReadTimeout(""),
            "it takes connections and does not answer: it hangs, or Postgres does",
        ),
        (httpx.WriteTimeout(""), "WriteTimeout"),
        (
            httpx.RemoteProtocolError("Server disconnected."),
            "Server disconnected; does it speak https://?",
        ),
        (
            httpx.ConnectError(
                "[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer (_ssl.c)"
            ),
            "its certificate is not trusted here: set SSL_CERT_FILE to its CA's certificate",
        ),
        (
            httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"),
            "it does not speak TLS: take http:// or ws://",
        ),
        (
            httpx.ConnectError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred (_ssl.c:1006)"),
            "it ended the TLS handshake: does it speak TLS, or want a certificate?",
        ),
    ],
)
def test_nobody_there_is_told_with_what_to_do(
    api: Api, registry: FakeRegistry, error: httpx.TransportError, reason: str
) -> None:
    registry.answers(error)
    said = complaint(api)
    assert f"no registry answers at {URL} ({reason})" in said
    assert "CHARGELIGHT_CLI_URL" in said


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_registry_that_can_not_answer_now_has_not_refused(
    api: Api, registry: FakeRegistry, status: int
) -> None:
    registry.answers(problem(status, "Postgres is away. Try again in a moment."))
    assert complaint(api) == "Postgres is away. Try again in a moment."


def test_a_way_on_is_named_and_not_taken(registry: FakeRegistry) -> None:
    # The key would go wherever it leads.
    registry.answers(httpx.Response(308, headers={"Location": "https://elsewhere/"}))
    assert "https://elsewhere/" in complaint(Api(URL, "clk_a_b", registry.transport))
    assert len(registry.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"7", b"\xff"])
def test_what_answers_and_is_no_registry_is_told(
    api: Api, registry: FakeRegistry, body: bytes
) -> None:
    registry.answers(httpx.Response(200, content=body))
    assert "is no registry" in complaint(api)


def test_an_answer_that_lacks_a_member_is_no_registrys(api: Api, registry: FakeRegistry) -> None:
    registry.answers({"hello": "world"})
    assert "'id' is not in what it says" in complaint(api)


def test_an_answer_that_can_not_be_unpacked_is_told(api: Api, registry: FakeRegistry) -> None:
    broken = gzip.compress(json.dumps({"id": "c1"}).encode())[:-9] + b"x" * 9

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=broken, headers={"Content-Encoding": "gzip"})

    registry.answers(answer)
    assert "no registry answers" in complaint(api)


# Files.


def test_a_file_is_sent_as_it_is(api: Api, registry: FakeRegistry) -> None:
    api.upload(address("import"), [b"kind,id\n", b"\xff"], "text/csv", dry_run=True, replace=None)
    (request,) = registry.requests
    assert (request.content, request.headers["Content-Type"]) == (b"kind,id\n\xff", "text/csv")
    assert registry.queries() == [{"dry_run": "true"}]


def test_a_file_comes_as_it_is(api: Api, registry: FakeRegistry) -> None:
    registry.answers(httpx.Response(200, content=b"kind,id\n\xff"))
    assert b"".join(api.download(address("export"), kind=None)) == b"kind,id\n\xff"


def test_a_refused_file_is_told_as_any_refusal(api: Api, registry: FakeRegistry) -> None:
    registry.answers(problem(403, "this needs the role viewer"))
    with pytest.raises(RefusedError, match="needs the role viewer"):
        list(api.download(address("export")))


def test_a_file_that_breaks_off_is_told(api: Api, registry: FakeRegistry) -> None:
    registry.answers(httpx.ReadError("connection reset"))
    with pytest.raises(UnreachableError, match="connection reset"):
        list(api.download(address("export")))
