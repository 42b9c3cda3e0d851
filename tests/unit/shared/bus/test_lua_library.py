"""A script gets those definitions of a library that it uses, and no other."""

import pytest

from shared.bus.lua_library import needed_of

NOW = """local function now()
  -- used by later() too
  return redis.call('TIME')
end

"""
LIMIT = "local LIMIT, STEP = 7, 1\n\n"
LATER = """local function later(than)
  return now() > than
end
"""
LIBRARY = f"-- What all scripts share.\n\n{NOW}-- In seconds.\n{LIMIT}{LATER}"


@pytest.mark.parametrize(
    ("script", "needed"),
    [
        ("return 1", ""),
        ("return now()", NOW),
        ("return STEP", LIMIT),
        ("return later(5)", NOW + LATER),
        ("-- not now() nor LIMIT\nreturn 1", ""),
        ("return now() + LIMIT", NOW + LIMIT),
        ("return later(LIMIT)", NOW + LIMIT + LATER),
        ("return nowhere", ""),
    ],
)
def test_definitions_and_what_they_use_keep_their_order(script: str, needed: str) -> None:
    without_comments = needed.replace("  -- used by later() too\n", "")
    assert needed_of(LIBRARY, script) == without_comments
