"""Cursors: what a list gave out leads on, and nothing else does."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.api import paging
from services.registry.api.problems import ProblemError


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_a_position_comes_back_as_it_was(text: str) -> None:
    assert paging.decode(paging.encode(text), str) == (text,)


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.from_regex(r"[a-z]{1,64}", fullmatch=True))
def test_so_does_one_of_several_parts(number: int, text: str) -> None:
    assert paging.decode(paging.encode(number, text), int, str) == (number, text)


def test_no_cursor_is_the_beginning() -> None:
    assert paging.decode(None, int) is None


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "ä",
        "a",
        _encoded("{}"),
        _encoded("[]"),
        _encoded("[true]"),
        _encoded('["1"]'),
        _encoded("[1,2]"),
        _encoded("[1.5]"),
        _encoded(f"[{2**63}]"),
        _encoded("[" * 100_000),
    ],
)
def test_what_no_list_gave_out_is_refused(cursor: str) -> None:
    with pytest.raises(ProblemError) as refused:
        paging.decode(cursor, int)
    assert refused.value.problem.status == 422
    assert "cursor" in refused.value.problem.detail


@pytest.mark.parametrize("text", ['{"a":1}', '"a"', r'["\u0000"]', r'["\ud800"]'])
def test_what_is_no_text_that_postgres_takes_is_refused(text: str) -> None:
    with pytest.raises(ProblemError):
        paging.decode(_encoded(text), str)


@given(st.text(max_size=40))
def test_anything_is_either_refused_or_a_position(text: str) -> None:
    try:
        position = paging.decode(text, str)
    except ProblemError:
        return
    assert position is not None
    assert len(position) == 1


@pytest.mark.parametrize(("rows", "items", "more"), [(0, 0, False), (3, 3, False), (4, 3, True)])
def test_a_page_ends_where_it_is_full(rows: int, items: int, more: bool) -> None:  # noqa: FBT001
    page = paging.page(list(range(rows)), 3, lambda row: row, lambda row: (row,))
    assert len(page.items) == items
    assert (page.next is not None) == more
    if page.next:
        assert paging.decode(page.next, int) == (page.items[-1],)
