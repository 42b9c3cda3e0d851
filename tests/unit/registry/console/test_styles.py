"""The console's styles: what a screen's own style says reaches no other screen."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.registry.console.files import FOLDER

MODULES = [path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts]
ATTRIBUTE = re.compile(r'class=("[^"]*"|\$\{[^}]*\})')


def selectors_of(style: Path) -> Iterator[str]:
    text = re.sub(r"/\*.*?\*/", "", style.read_text("utf-8"), flags=re.DOTALL)
    for head in re.findall(r"([^{}]+)\{", text):
        if not head.strip().startswith("@"):
            yield from (selector.strip() for selector in head.split(","))


def classes_in(module: Path) -> set[str]:
    """Return the names in all attributes `class`, and those that code puts there in quotes."""
    text = " ".join(ATTRIBUTE.findall(module.read_text("utf-8")))
    quoted = re.sub(r"\$\{([^}]*)\}", lambda code: " ".join(re.findall("'(.*?)'", code[1])), text)
    return set(re.findall(r"[\w-]+", quoted))


@pytest.mark.parametrize("screen", ["desk", "device", "office", "wall"])
def test_the_style_of_a_screen_reaches_no_other(screen: str) -> None:
    elsewhere: set[str] = set()
    for module in MODULES:
        if module.parent.name != screen:
            elsewhere |= classes_in(module)
    selectors = [*selectors_of(FOLDER / screen / f"{screen}.css")]
    assert selectors
    # By the class of what is outermost: what is inside of it is its own.
    outermost = {each: re.match(r"\.([\w-]+)", each) for each in selectors}
    assert [each for each, found in outermost.items() if not found or found[1] in elsewhere] == []
