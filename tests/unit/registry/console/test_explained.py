"""The console says in each language what explanations say by codes: all of them, and no others.

The list of codes, with their values in braces, is the texts that begin with ``explain_`` in
``texts/en.json``.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.registry.explain import finding, ocpp_findings, refused_findings
from shared.contract.devices import Kind
from tests.unit.registry.console.test_texts import ENGLISH, placeholders

FOLDER: Final = Path(finding.__file__).parent
KINDS_OF_TEXTS: Final = ("found", "verdict", "remedy")
LIGHTS: Final = ("no_light", "light_of_older_reading", "light_of_unknown_thresholds")
REFUSED: Final = [
    *refused_findings._VERDICTS.values(),
    refused_findings._OTHER_ID,
    refused_findings._NO_HANDSHAKE,
]
NOT_LITERAL: Final = {
    "f'{facts.kind}_not_paired'": {f"{kind}_not_paired" for kind in Kind},
    "f'shared_{kind}_id'": {f"shared_{kind}_id" for kind in Kind},
    "f'ocpp_{note}'": {f"ocpp_{note}" for note, *_ in ocpp_findings._WHY},
    "f'{code}_yet'": {f"{code}_yet" for code in LIGHTS},
    "f'{before_code}refused'": {"refused", "perhaps_refused"},
    "f'{before_code}refused_path'": {"refused_path", "perhaps_refused_path"},
}
"""What codes are made with where they are not written as they are."""
IN_VARIABLES: Final = {
    "directory_findings": {"device_not_registered", "id_not_registered"},
    "light_findings": {*LIGHTS, *(f"{code}_since" for code in LIGHTS)},
    "refused_findings": {code for code, *_ in REFUSED},
}
"""What stands in a variable ``code``, by modules."""


def calls() -> Iterator[tuple[set[str], ast.Call]]:
    """Yield each call that says something by a code, and which code it may be."""
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "say":
                yield codes_of(path.stem, node), node


def codes_of(module: str, call: ast.Call) -> set[str]:
    code = call.args[0]
    if isinstance(code, ast.Constant):
        return {str(code.value)}
    return IN_VARIABLES[module] if isinstance(code, ast.Name) else NOT_LITERAL[ast.unparse(code)]


def said_by_the_registry() -> set[str]:
    return {code for codes, _ in calls() for code in codes}


def said_here(kind: str) -> set[str]:
    begins = f"explain_{kind}_"
    return {name.removeprefix(begins) for name in ENGLISH if name.startswith(begins)}


def test_each_code_of_the_registry_has_a_text_and_no_other() -> None:
    assert len(said_by_the_registry()) > 80
    assert said_here("found") | said_here("verdict") == said_by_the_registry()
    assert said_here("found") & said_here("verdict") == set()


def test_what_is_wrong_has_a_text_for_what_to_do() -> None:
    nothing_to_do = {"nothing_wrong", "all_right", "light_on_its_way", "reading_on_its_way"}
    assert said_here("remedy") == said_here("verdict") - nothing_to_do


def test_a_text_has_only_values_that_its_code_comes_with() -> None:
    """Where all values of a code stand in the call that says it."""
    checked = set()
    for codes, call in calls():
        names = {keyword.arg for keyword in call.keywords}
        if None in names:
            continue
        for code in codes:
            texts = [ENGLISH.get(f"explain_{kind}_{code}", "") for kind in KINDS_OF_TEXTS]
            wanted = placeholders(" ".join(texts))
            assert wanted <= names, (code, wanted)
            checked.add(code)
    assert len(checked) > 60


def test_all_that_is_looked_at_has_a_name() -> None:
    source = "".join(path.read_text("utf-8") for path in FOLDER.glob("*_findings.py"))
    named = set(re.findall(r'about = "([a-z ]+)"', source))
    named |= set(re.findall(r'(?:_ABOUT|_READING): Final = "([a-z ]+)"', source))
    assert len(named) > 8
    assert {name.replace(" ", "_") for name in named} <= said_here("about")
