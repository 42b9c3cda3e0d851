"""The container's health check: an exit code, and the reason on standard error."""

import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from shared.process import probe


class Answering(BaseHTTPRequestHandler):
    """Ready or not, by path."""

    def do_GET(self) -> None:
        ready = self.path == "/readyz"
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(b"ok\n" if ready else b"no: the directory is not there\n")

    def log_message(self, *_: object) -> None:
        """Say nothing: the test reads standard error."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [("readyz", 0, ""), ("other", 1, "no: the directory is not there\n")],
)
def test_a_service_that_is_ready_is_0_and_another_1_which_says_why(
    url: str, capsys: pytest.CaptureFixture[str], path: str, code: int, said: str
) -> None:
    assert probe.main([f"{url}/{path}"]) == code
    assert capsys.readouterr().err == said


def test_nobody_there_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    # Port 1 (tcpmux) is reserved and nobody's.
    assert probe.main(["http://127.0.0.1:1/readyz"]) == 1
    assert capsys.readouterr().err.startswith("no answer: ")


@pytest.mark.parametrize("arguments", [[], ["readyz"], ["file:///etc/hostname"], ["http://x", "y"]])
def test_anything_else_is_2_and_says_how(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe.main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_a_proxy_of_the_environment_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "_opener", None)  # it is made once per process
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert probe.main([f"{url}/readyz"]) == 0
