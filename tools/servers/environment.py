"""What decides about servers: settings of ours, and the facts of this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tools.servers.engine import docker_engine_with_testcontainers
from tools.servers.server_source import Choice, Offer, ServerSource, choose, forced_source

REDIS_SETTING = "CHARGELIGHT_REDIS_URL"
POSTGRES_SETTING = "CHARGELIGHT_POSTGRES_DSN"
FORCING_SETTING = "CHARGELIGHT_TEST_SERVERS"


@dataclass(frozen=True, slots=True)
class Environment:
    """Looked at once per run, so that both servers are judged by the same facts.

    Attributes:
        settings: the environment.
        containers: whether containers can be had.
        forced: the way that somebody forces, None if the choice is free.
        forced_by: what they force it with, for the explanation.
    """

    settings: Mapping[str, str]
    containers: Offer
    forced: ServerSource | None = None
    forced_by: str = FORCING_SETTING

    @classmethod
    def of_tests(cls) -> Self:
        """The surroundings of a test run.

        Raises:
            UnknownSourceError: CHARGELIGHT_TEST_SERVERS names no way.
        """
        forced = forced_source(FORCING_SETTING, os.environ.get(FORCING_SETTING))
        if forced is ServerSource.EMBEDDED:
            containers = Offer(available=False, because="not looked for")
        else:
            containers = docker_engine_with_testcontainers()
        return cls(os.environ, containers, forced)

    def choice(self, setting: str) -> Choice:
        """Choose for the server whose address `setting` may give."""
        return choose(
            given_by=setting if self.settings.get(setting) else None,
            forced_by=self.forced_by,
            forced=self.forced,
            containers=self.containers,
        )
