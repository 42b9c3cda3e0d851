"""Test-only builds of the services, each without one of the mechanisms that keep lights right.

A copy of the code with a few lines changed: the services themselves have no switch for this.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.checker import SETTLE_SECONDS
from tests.fixtures.processes import ROOT

_PACKAGES: Final = ("services", "shared")


class ChangeError(Exception):
    """The code is not what the change expects: rewrite the change."""


@dataclass(frozen=True, slots=True)
class Change:
    """Lines to replace in one file, there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """The code without a mechanism.

    Attributes:
        mechanism: What is missing.
        row: The fault of the matrix that fails without it.
        changes: How it is taken out.
        first_seed: Of the runs; an even one has chargers that fall silent.
        step: From one seed to the next.
        judged_seconds: For how long lights are judged after the fault. Where one is wrong at
            once or not at all, a short time allows more runs.
    """

    mechanism: str
    row: str
    changes: Sequence[Change]
    first_seed: int = 1
    step: int = 1
    judged_seconds: float = SETTLE_SECONDS


MUTANTS: Final = (
    Mutant(
        "fence",
        "router-cut",
        [
            Change(
                "services/router/scripts/light.lua",
                "if newer(epoch, sequence, at[1], at[2]) then return 'lit', before end",
                "do return 'lit', before end",
            ),
            Change(
                "services/gateway/widgets/widget_connection.py",
                "status.pairing != self.pairing or not self._is_newer(status)",
                "status.pairing != self.pairing",
            ),
            # Slow routers, so that some status is always about to be written.
            Change(
                "services/router/routing.py",
                "        replies = await self.bus.run(",
                "        await asyncio.sleep(0.1)\n        replies = await self.bus.run(",
            ),
        ],
        first_seed=13,  # what was written arrives late
        step=12,
        judged_seconds=0.5,
    ),
    Mutant(
        "sweep",
        "router-killed",
        [
            Change(
                "services/router/find_overdue.py",
                "                await self.find()\n",
                "                await asyncio.sleep(0)\n",
            )
        ],
        first_seed=2,
        step=2,
    ),
    Mutant(
        "subscribe before read",
        "gateway-killed",
        [
            # Read first: whatever is announced until the subscription is confirmed is missed.
            Change(
                "services/gateway/widgets/widgets.py",
                "        confirmed = [group for group in groups if "
                "self.subscriber.is_confirmed(group.channel)]\n",
                "        confirmed = groups\n",
            ),
            Change(
                "services/gateway/widgets/widgets.py",
                "            self.subscriber.subscribe([channel], self)\n",
                "            asyncio.get_running_loop().call_later(\n"
                "                1.0, lambda: self.subscriber.subscribe([channel], self)\n"
                "            )\n",
            ),
            Change(
                "services/gateway/widgets/widgets.py",
                "        if self.subscriber.is_confirmed(group.channel):\n",
                "        if group.members:\n",
            ),
            Change(
                "services/gateway/widgets/widgets.py",
                "        self._read_soon("
                "self._by_channel[channel].widget_id for channel in channels)\n",
                "        del channels\n",
            ),
        ],
        first_seed=2,
        step=2,
    ),
    Mutant(
        "lease",
        "router-killed",
        [
            # One that never expires: no router takes over from a dead one.
            Change(
                "services/router/scripts/lease.lua",
                "  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n",
                "  redis.call('SET', KEYS[1], ARGV[1])\n",
            ),
            Change(
                "services/router/scripts/lease.lua",
                "local has_expired = not owner or left < 0 or left > tonumber(ARGV[2])",
                "local has_expired = not owner",
            ),
        ],
    ),
    Mutant(
        "pairing number",
        "re-pairing",
        [
            Change(
                "services/router/scripts/light.lua",
                "if number ~= pairing or paired_with ~= charger then",
                "if not number then",
            ),
            Change(
                "services/gateway/widgets/widget_connection.py",
                "status.pairing != self.pairing or not self._is_newer(status)",
                "self.pairing is None",
            ),
            Change(
                "services/gateway/widgets/widgets.py",
                "        elif pairing > widget.pairing:\n",
                "        elif pairing > widget.pairing and False:\n",
            ),
        ],
    ),
    Mutant(
        "epoch",
        "twins",
        [
            # The same for all connections: the sequence alone decides.
            Change(
                "services/gateway/scripts/admit.lua",
                "local epoch = math.max(state.epoch + 1, now, gateway_time)",
                "local epoch = 1",
            ),
        ],
    ),
    Mutant(
        "reconciling",
        "redis-empty",
        [
            Change(
                "services/gateway/chargers/reconciliation.py",
                "        self.due.update(chargers)\n",
                "        del chargers\n",
            ),
            Change(
                "services/gateway/chargers/reconciliation.py",
                "                    batches += self.fingerprints.of_partition(partition)\n",
                "                    del partition\n",
            ),
        ],
        first_seed=2,
        step=2,
    ),
    Mutant(
        "mark",
        "stalled",
        [
            Change(
                "shared/redis_state/model.lua",
                "  return mark ~= '' and mark == present\n",
                "  return present ~= ''\n",
            )
        ],
    ),
    Mutant(
        "mark of the first frame",
        "message-cut",
        [
            Change(
                "services/gateway/chargers/charger_connection.py",
                "        self.mark, self._arrived_at = begun or (\n",
                "        self.mark, self._arrived_at = (\n",
            )
        ],
    ),
    Mutant(
        "condition of the 101",
        "stalled-handshake",
        [
            Change(
                "services/gateway/connection/handshake.py",
                "        if self._early or self._reader.has_unread:\n",
                "        if self._phase is Phase.HEAD:\n",
            )
        ],
    ),
    Mutant(
        "count in the pong",
        "held-up",
        [
            Change(
                "services/gateway/chargers/marks.py",
                "        if not self.is_awaited or payload != self._payload:\n",
                "        if not self.is_awaited:\n",
            ),
            Change(
                "services/gateway/chargers/charger_connection.py",
                "        elif payload and self.marks.on_pong(payload)",
                "        elif self.marks.on_pong(payload)",
            ),
        ],
    ),
    Mutant(
        "asking again",
        "stalled",
        [
            Change(
                "services/gateway/chargers/uncertain_readings.py",
                "            charger.ask_again()\n",
                "            del charger\n",
            )
        ],
    ),
    Mutant(
        "widgets without a status",
        "statuses-deleted",
        [
            Change(
                "services/gateway/widgets/widgets.py",
                "        await self._mark_pending(unlit)\n",
                "        unlit.clear()\n",
            )
        ],
    ),
    Mutant(
        "count of the directory",
        "entry-deleted",
        [
            Change(
                "shared/redis_state/model.lua",
                "  return count == redis.call('HLEN', directory)\n",
                "  return count ~= nil\n",
            )
        ],
    ),
    Mutant(
        "repair after a restore",
        "restored",
        [
            Change(
                "services/registry/directory/lost_changes.py",
                "        if seen <= last and not any(lost.values()):\n",
                "        if seen or last or lost:\n",
            )
        ],
    ),
    Mutant(
        "end of leases that last too long",
        "junk",
        [
            Change(
                "services/router/scripts/lease.lua",
                "local has_expired = not owner or left < 0 or left > tonumber(ARGV[2])\n",
                "local has_expired = not owner\n",
            )
        ],
        first_seed=25,
        step=36,
    ),
    Mutant(
        "replacing statuses from the future",
        "future",
        [
            Change(
                "services/router/statuses_ahead.py",
                "        return known.status\n",
                "        return None\n",
            )
        ],
        first_seed=7,  # a revision of the year 2100: one that is larger counts as broken
        step=18,
    ),
)


def build(mutant: Mutant, folder: Path) -> Path:
    """Copy the services into a folder, without the mechanism; return the folder.

    Raises:
        ChangeError: The code does not have the lines to remove.
    """
    for package in _PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for change in mutant.changes:
        file = folder / change.file
        text = file.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            raise ChangeError(f"{change.file} does not have these lines once:\n{change.old}")
        file.write_text(text.replace(change.old, change.new), encoding="utf-8")
    return folder
