"""Each screen of the console has its picture in the document, and each picture its screen.

What is in a picture is not compared: fonts differ from machine to machine.
"""

import re

from services.registry.console.files import FOLDER as STATIC
from tests.console.screens import FOLDER, SCREENS, SIZE
from tests.fixtures.processes import ROOT

MOST_BYTES = 100_000
"""A clone has them all, of each version."""
PICTURE = re.compile(r"!\[[^]]{10,}\]\(images/console/([\w-]+)\.png\)")


def test_each_screen_is_known_here() -> None:
    listed = (STATIC / "screens.js").read_text("utf-8").partition("export const SCREENS = {")[2]
    names = re.findall(r"^  '?([a-z-]+)'?: \{", listed, re.MULTILINE)
    assert ["sign-in", *names] == [*SCREENS]


def test_the_document_has_a_picture_of_each_with_words_for_who_cannot_see_it() -> None:
    text = (ROOT / "docs" / "console.md").read_text("utf-8")
    assert PICTURE.findall(text) == [*SCREENS]


def test_there_are_these_pictures_and_no_others_and_they_are_small() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.png" for name in SCREENS}
    for path in FOLDER.iterdir():
        content = path.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n", path
        assert int.from_bytes(content[16:20], "big") == SIZE["width"], path
        assert len(content) <= MOST_BYTES, path
