"""What judges the pages is what it says that it is."""

from hashlib import sha256

from tests.console.axe import AXE, AXE_SHA256


def test_axe_is_what_its_authors_published() -> None:
    assert sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256
