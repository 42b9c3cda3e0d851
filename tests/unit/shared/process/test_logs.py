"""One event is one line, whatever is in its fields. Each test logs in a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, sys
from shared.process import logs
logs.configure(level={level!r}, output={output!r}, service="booth", instance_id="booth-1")
log = logs.get("here")
{body}
"""

FORGED = "c1\n2026-01-01T00:00:00Z [error    ] forged\r\n\x1b[2J{'event': 'forged'}\u2028x"


def logged(body: str, *, output: str, level: str = "info") -> str:
    """Return what a process that logs this writes to standard error."""
    program = PROGRAM.format(body=body, output=output, level=level)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b""
    return done.stderr.decode()


def json_lines(body: str, *, level: str = "info", output: str = "json") -> list[dict[str, Any]]:
    text = logged(body, output=output, level=level)
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_says_when_where_and_how_bad_as_json() -> None:
    (line,) = json_lines('log.warning("redis is lost", connection="bus")')
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "redis is lost",
        "level": "warning",
        "module": "here",
        "service": "booth",
        "instance_id": "booth-1",
        "connection": "bus",
    }


def test_the_last_lines_are_kept_and_no_more() -> None:
    lines = json_lines(
        "for number in range(2000): log.info('counted', number=number)\n"
        "logging.getLogger('asyncio').warning('x' * 9000)\n"
        "kept = logs.recent_lines()\n"
        "log.info('kept', lines=len(kept), first=kept[0], last=len(kept[-1]))"
    )
    assert (lines[-1]["lines"], lines[-1]["last"]) == (1000, 4000)
    assert json.loads(lines[-1]["first"])["number"] == 1001


def test_the_standard_librarys_loggers_write_the_same_lines() -> None:
    lines = json_lines(
        'logging.getLogger("asyncio").warning("slow %s", "call")\n'
        'logging.getLogger("websockets.server").info("connection open")'
    )
    (line,) = lines  # what libraries say below a warning is left out
    assert line["event"] == "slow call"
    assert line["level"] == "warning"
    assert (line["service"], line["instance_id"]) == ("booth", "booth-1")


@pytest.mark.parametrize(("level", "number"), [("debug", 4), ("info", 3), ("error", 1)])
def test_only_what_is_severe_enough_is_written(level: str, number: int) -> None:
    body = "log.debug('d'); log.info('i'); log.warning('w'); log.error('e')"
    assert len(json_lines(body, level=level)) == number


def test_a_librarys_own_level_does_not_count() -> None:
    body = (
        "library = logging.getLogger('psycopg')\n"
        "library.setLevel('WARNING')\n"
        "library.warning('no')\n"
        "library.error('yes')"
    )
    assert [line["event"] for line in json_lines(body, level="error")] == ["yes"]


def test_away_from_a_terminal_auto_means_json() -> None:
    (line,) = json_lines('log.info("serving")', output="auto")
    assert line["event"] == "serving"


def test_neither_a_field_nor_a_library_can_forge_a_line_as_json() -> None:
    text = logged(
        f'log.info("device came", device_id={FORGED!r})\n'
        f'logging.getLogger("x").error("got %s", {FORGED!r})',
        output="json",
    )
    assert text.count("\n") == 2
    assert "\x1b" not in text
    assert json.loads(text.splitlines()[0])["device_id"] == FORGED


def test_a_field_with_a_newline_cannot_forge_a_line_on_a_terminal() -> None:
    # Each trick by itself too: a renderer may escape only what has a blank in it.
    tricks = [FORGED, "a\nb", "a\rb", "a\x1b[2Jb", "a\u2028b", "a\x85b", "a\x0bb"]
    body = "\n".join(f'log.info("device came", device_id={trick!r})' for trick in tricks)
    lines = logged(body, output="console").splitlines()
    assert len(lines) == len(tricks)
    assert all("device came" in line for line in lines)
    assert not [line for line in lines if "\x1b[2J" in line]


def test_an_exception_is_part_of_its_line_as_json() -> None:
    body = f"""
try:
    raise ValueError({FORGED!r})
except ValueError:
    log.exception("stopped by a bug")
"""
    (line,) = json_lines(body)
    assert line["event"] == "stopped by a bug"
    assert line["exception"][0]["exc_type"] == "ValueError"


def test_fields_that_json_does_not_know_are_written_all_the_same() -> None:
    (line,) = json_lines('log.info("took", number=1, what=b"\\xff", of={1, }, at=object())')
    assert line["event"] == "took"


@pytest.mark.parametrize("output", ["json", "console"])
def test_a_traceback_shows_no_values(output: str) -> None:
    body = (
        "def check(secret, request):\n"
        "    here = secret\n"
        "    raise ValueError('no good')\n"
        "try:\n"
        "    check('open' + 'sesame', {'body': 'open' + 'sesame'})\n"
        "except ValueError:\n"
        "    log.exception('stopped by a bug')\n"
        "    logging.getLogger('uvicorn.error').exception('in a library')\n"
    )
    text = logged(body, output=output)
    assert "no good" in text
    assert "check" in text
    assert "opensesame" not in text
