"""The networks of a test's stack have small subnets, so that several stacks have room."""

import json
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path

from tests.e2e import subnets


def test_subnets_overlap_neither_each_other_nor_what_is_taken() -> None:
    taken = list(subnets.RANGE.subnets(new_prefix=16))[:1]
    drawn = subnets.draw(2000, taken)
    assert len(set(drawn)) == 2000
    assert not any(one.overlaps(other) for one, other in combinations(drawn[:100], 2))
    assert not any(each.overlaps(taken[0]) for each in drawn)


def test_each_network_of_the_files_has_a_subnet(tmp_path: Path) -> None:
    one, other, overlay = (tmp_path / name for name in ("one.yml", "other.yml", "overlay.yml"))
    one.write_text("networks:\n  rest: {}\n  devices: { internal: true }\n")
    other.write_text("services: {}\n")
    subnets.write_overlay(overlay, [one, other], [])
    written = json.loads(overlay.read_text())["networks"]
    assert set(written) == {"rest", "devices"}
    assert written["devices"]["internal"] is True
    for each in written.values():
        (given,) = each["ipam"]["config"]
        assert IPv4Network(given["subnet"]).subnet_of(subnets.RANGE)
