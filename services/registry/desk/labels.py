"""Labels to print and stick on chargers and widgets: a QR code, and words for people. No I/O."""

from collections.abc import Iterable
from html import escape
from typing import Final

from starlette.responses import HTMLResponse

from services.registry.desk import qr
from services.registry.desk.plain_page import plain_page
from services.registry.devices.devices import Device
from shared.contract.devices import Kind

MOST: Final = 120
"""On a page: five sheets. A code takes some milliseconds of a processor."""

_STYLE: Final = """
@page { margin: 1cm; }
body { margin: 0; font: 12pt/1.2 system-ui, sans-serif; color: #000; background: #fff; }
main { display: grid; grid-template-columns: repeat(auto-fill, 62mm); gap: 2mm; }
section { display: flex; gap: 2mm; align-items: center; height: 32mm; box-sizing: border-box;
  border: .2mm dashed #999; break-inside: avoid; overflow: hidden; }
svg { flex: none; width: 30mm; height: 30mm; }
p { margin: 0; overflow-wrap: anywhere; }
h2 { margin: 0; font-size: 14pt; overflow-wrap: anywhere; }
nav { padding: 1em; }
@media print { nav { display: none; } }
"""


def link_to(kind: Kind, device_id: str, address: str) -> str:
    """Return what the code on a device leads to: its page in the console."""
    return f"{address}/console/#/{kind}/{device_id}"


def page_of(kind: Kind, devices: Iterable[Device], address: str, more: str | None) -> HTMLResponse:
    """Return a page to print.

    Args:
        kind: Of the devices.
        devices: What to label.
        address: What links to this registry begin with.
        more: Where the labels of others are; None: there are no others.
    """
    labels = "\n".join(_label(kind, each, address) for each in devices)
    # By which the session counts there, too: see `session_in`.
    link = f'<a href="{escape(more)}" referrerpolicy="origin">More labels</a>' if more else ""
    following = f"\n<nav>{link}</nav>" if more else ""
    title = "Labels of chargers" if kind is Kind.CHARGER else "Labels of widgets"
    return plain_page(title, _STYLE, f"<main>\n{labels}\n</main>{following}")


def _label(kind: Kind, device: Device, address: str) -> str:
    code = qr.svg_of(link_to(kind, device.id, address))
    words = "".join(f"<p>{escape(each)}</p>" for each in (device.label, device.location) if each)
    return f"<section>{code}<div><h2>{escape(device.id)}</h2>{words}</div></section>"
