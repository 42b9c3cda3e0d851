"""cfn-lint finds nothing: types, properties, values, references."""

from pathlib import Path

import pytest

from tests.deploy_aws.templates import FOLDER

cfnlint = pytest.importorskip(
    "cfnlint.api", reason="cfn-lint is missing: it is in the dependency group validators"
)


def lint(text: str) -> list[str]:
    return [str(match) for match in cfnlint.lint(text)]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_a_template_has_no_finding(path: Path) -> None:
    assert lint(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("MultiAZ: true", "MultiAz: true"), ("!Ref PostgresSubnets", "!Ref Subnets")],
    ids=["unknown property", "reference to nothing"],
)
def test_a_mistake_is_found(old: str, new: str) -> None:
    text = (FOLDER / "data.yml").read_text("utf-8")
    assert old in text
    assert lint(text.replace(old, new)) != []
