"""What a visitor sees of a phone: whether it charges, and when it will be ready. No I/O."""

from html import escape
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.responses import HTMLResponse

from services.registry.desk.languages import Language
from services.registry.desk.plain_page import plain_page
from services.registry.desk.visitor_texts import TEXTS, Texts
from services.registry.estimate.shown import Minutes, PhoneEstimate
from shared.contract.device_protocol import ChargingStatus

_AGAIN_SECONDS: Final = 60
"""A page that is left open asks again: no old light looks like the present one."""

_STYLE: Final = """
:root { color-scheme: light dark; font: 1.25rem/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 30rem; margin: 15vh auto 0; padding: 1rem; text-align: center; }
h1 { font-size: 1.75rem; line-height: 1.25; }
.shape { margin: 0; font-size: 5rem; line-height: 1; }
"""

_SHAPES: Final = {
    ChargingStatus.CHARGING: "◔",
    ChargingStatus.CHARGING80: "◕",
    ChargingStatus.CHARGED: "✓",
    None: "…",
}
"""Beside the words: they differ without a colour."""


class Phone(NamedTuple):
    """How it stands with a visitor's phone."""

    light: ChargingStatus | None
    """What the widget shows; None: nothing yet."""
    estimate: PhoneEstimate | None


def shown(phone: Phone, language: Language) -> HTMLResponse:
    """Return the page of a phone."""
    texts = TEXTS[language]
    said = {
        ChargingStatus.CHARGING: texts.charging,
        ChargingStatus.CHARGING80: texts.nearly,
        ChargingStatus.CHARGED: texts.ready,
        None: texts.unknown,
    }[phone.light]
    again = {"Refresh": str(_AGAIN_SECONDS)}
    return _page(
        language,
        HTTPStatus.OK,
        said,
        _when(phone, texts),
        shape=_SHAPES[phone.light],
        headers=again,
    )


def gone(language: Language) -> HTMLResponse:
    """Return the page where there is no phone: no code tells whether it was one."""
    texts = TEXTS[language]
    return _page(language, HTTPStatus.NOT_FOUND, texts.gone, [texts.gone_why])


def too_often(language: Language, seconds: float) -> HTMLResponse:
    """Return the page for an address that asked too often."""
    texts = TEXTS[language]
    again = {"Retry-After": f"{seconds:.0f}"}
    status = HTTPStatus.TOO_MANY_REQUESTS
    return _page(language, status, texts.too_often, [texts.later], headers=again)


def away(language: Language) -> HTMLResponse:
    """Return the page while Redis or Postgres is away."""
    texts = TEXTS[language]
    again = {"Refresh": str(_AGAIN_SECONDS), "Retry-After": str(_AGAIN_SECONDS)}
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return _page(language, status, texts.away, [texts.later], headers=again)


def _when(phone: Phone, texts: Texts) -> list[str]:
    """Say when the phone will be ready; nothing if it is."""
    if phone.light is ChargingStatus.CHARGED:
        return []
    found = phone.estimate
    ranges = [] if found is None else [(texts.to_80, found.to_80), (texts.to_100, found.to_100)]
    said = [_in_minutes(text, minutes) for text, minutes in ranges if minutes is not None]
    return said or [texts.no_estimate]


def _in_minutes(text: str, minutes: Minutes) -> str:
    return text.format(earliest=minutes.earliest_minutes, latest=minutes.latest_minutes)


def _page(
    language: Language,
    status: HTTPStatus,
    heading: str,
    lines: list[str],
    *,
    shape: str = "?",
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    body = (
        f'<main>\n<p class="shape" aria-hidden="true">{shape}</p>\n'
        f"<h1>{escape(heading)}</h1>\n{paragraphs}\n</main>"
    )
    own = {"Content-Language": language, "Vary": "Accept-Language", **(headers or {})}
    return plain_page(
        TEXTS[language].title, _STYLE, body, language=language, status=status, headers=own
    )
