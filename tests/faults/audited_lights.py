"""What the registries' own audit of lights says meanwhile: nothing wrong, but for faults' time.

The checker knows all that devices saw. The audit sees only what is stored, some pairs at a time;
here it must not find anything that the checker does not.
"""

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass, field
from typing import Final

import httpx

from tests.fixtures.hub import Hub

_LOOK_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 5.0
"""So long after a fault all lights are right again."""
_COUNT: Final = re.compile(
    r'^chargelight_lights_audited_total\{outcome="(\w+)"\} (\S+)$', re.MULTILINE
)


@dataclass
class AuditedLights:
    """Looks at the registries' counters again and again.

    Attributes:
        judged: Lights that were counted, of whatever outcome.
        violations: Wrong ones that no fault explains.
    """

    hub: Hub
    judged: int = 0
    violations: list[str] = field(default_factory=list)
    _faults: int = 0
    _ended_at: float = float("-inf")
    _last: dict[str, dict[str, int]] = field(default_factory=dict)
    _seen_at: dict[str, float] = field(default_factory=dict)

    def fault_began(self) -> None:
        self._faults += 1

    def fault_ended(self, at: float) -> None:
        self._faults -= 1
        self._ended_at = at

    def take(self, registry: str, counts: dict[str, int], now: float) -> None:
        """Compare what a registry counts with what it counted before."""
        before = self._last.get(registry, {})
        if sum(counts.values()) < sum(before.values()):
            before = {}  # it was restarted
        self._last[registry] = counts
        self.judged += sum(counts.values()) - sum(before.values())
        wrong = counts.get("wrong", 0) - before.get("wrong", 0)
        # It may have been counted at any time since the last look.
        since = self._seen_at.get(registry, float("-inf")) - self._ended_at
        self._seen_at[registry] = now
        if wrong > 0 and not self._faults and since > GRACE_SECONDS:
            self.violations.append(
                f"{registry}'s audit found {wrong} wrong lights {since:.1f} s after the fault"
            )

    async def watch(self) -> None:
        """Look until cancelled."""
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while True:
                for registry in self.hub.registries:
                    url = f"http://127.0.0.1:{registry.health_port}/metrics"
                    with contextlib.suppress(httpx.HTTPError):
                        text = (await client.get(url)).text
                        counts = {name: int(float(n)) for name, n in _COUNT.findall(text)}
                        self.take(registry.process.name, counts, time.monotonic())
                await asyncio.sleep(_LOOK_SECONDS)
