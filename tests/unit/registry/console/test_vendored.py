"""What others have made is here as they made it, and is listed with its licence."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from services.registry import console
from tools.supply.licences import refused
from tools.supply.vendored import Vendored, parts_of, vendored_by

FOLDER: Final = Path(console.__file__).parent
ALL: Final = vendored_by("registry")
SAID_BY: Final = {
    "Apache-2.0": "Apache License",
    "BSD-3-Clause": "Redistribution and use",
    "MIT": "Permission is hereby granted, free of charge",
}
"""Words of a licence, by its SPDX id."""


def test_all_that_is_vendored_is_listed() -> None:
    places = {FOLDER / each.folder for each in ALL}
    assert places == {*(FOLDER / "static/vendor").iterdir()} != set()


@pytest.mark.parametrize("vendored", ALL, ids=lambda each: each.name)
def test_files_are_those_of_the_version_and_have_its_licence(vendored: Vendored) -> None:
    folder = FOLDER / vendored.folder
    found = {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == vendored.files
    texts = "".join(path.read_text() for path in folder.glob("LICENSE*.txt"))
    for licence in vendored.licence.split(" AND "):
        assert SAID_BY[licence] in texts
    code = "".join(path.read_text() for path in folder.rglob("*.js"))
    assert f'"{vendored.version}"' in code


def test_a_list_of_an_images_parts_names_them_and_their_licences_are_allowed() -> None:
    parts = parts_of("registry")
    assert [part["purl"] for part in parts] == [
        "pkg:npm/lit-html@3.3.3",
        "pkg:npm/zxing-wasm@3.1.6",
    ]
    assert list(refused({"components": parts})) == []
    assert parts_of("gateway") == []


def test_code_imports_nothing_else_that_is_not_its_own() -> None:
    for path in (FOLDER / "static").rglob("*.js"):
        if "vendor" not in path.parts:
            imported = re.findall(r"""(?:\bfrom|\bimport)\s+['"]([^'"]+)""", path.read_text())
            assert all(each.startswith((".", "..")) for each in imported), path
            assert all((path.parent / each).is_file() for each in imported), path
