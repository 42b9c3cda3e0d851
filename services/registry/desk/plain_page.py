"""Pages that the registry writes itself: no script, no cookie, nothing from elsewhere. No I/O."""

import base64
from hashlib import sha256
from html import escape

from starlette.responses import HTMLResponse


def plain_page(
    title: str,
    style: str,
    body: str,
    *,
    language: str = "en",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """Return a page with one style, which a browser takes by its hash, and runs nothing.

    Args:
        title: As text.
        style: In CSS.
        body: In HTML, with all texts escaped.
        language: Of the texts.
        status: Of the answer.
        headers: More of them.
    """
    # https://www.w3.org/TR/CSP3/#grammardef-hash-source
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    page = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
    return HTMLResponse(page, status, {"Content-Security-Policy": policy, **(headers or {})})
