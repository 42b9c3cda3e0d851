"""If-Match and If-None-Match (RFC 9110, section 13)."""

import pytest

from services.registry.api.preconditions import etag_of, require_match, require_none
from services.registry.api.problems import ProblemError

NOW = etag_of("c1", 7)
BEFORE = etag_of("c1", 6)


def test_a_tag_is_a_quoted_text_that_changes_with_the_content() -> None:
    assert NOW.startswith('"')
    assert NOW.endswith('"')
    assert NOW != BEFORE
    assert etag_of("a", "b") != etag_of("ab", "")
    assert etag_of("1") != etag_of(1)


@pytest.mark.parametrize("sent", [None, "*", " * ", NOW, f"{BEFORE}, {NOW}", f" {NOW} "])
def test_what_still_is_as_it_was_may_be_changed(sent: str | None) -> None:
    require_match(sent, NOW)


@pytest.mark.parametrize("sent", ["", BEFORE, f"W/{NOW}", NOW.strip('"'), "nonsense"])
def test_what_was_changed_meanwhile_is_left_alone(sent: str) -> None:
    with pytest.raises(ProblemError) as refused:
        require_match(sent, NOW)
    assert refused.value.problem.status == 412
    assert NOW in refused.value.problem.detail


@pytest.mark.parametrize("sent", ["*", " * ", NOW, f"W/{NOW}", f"{BEFORE}, W/{NOW}"])
def test_what_must_not_be_there_is_left_alone_if_it_is(sent: str) -> None:
    require_none(sent, None)
    with pytest.raises(ProblemError) as refused:
        require_none(sent, NOW)
    assert refused.value.problem.status == 412


@pytest.mark.parametrize("sent", [None, "", BEFORE, f"W/{BEFORE}", NOW.strip('"')])
def test_what_may_be_there_is_changed(sent: str | None) -> None:
    require_none(sent, NOW)
    require_none(sent, None)
