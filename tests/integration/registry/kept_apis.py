"""The REST APIs of registries that have ended, for those that start next in the same process.

FastAPI works out the routes of an API, and its document, when they are first asked for. They are
the same in each registry, and to work them out takes a quarter of a second of computing.
"""

from collections.abc import Collection
from typing import TypeAlias

from fastapi import FastAPI

from services.registry.routes.build import build
from services.registry.routes.dependencies import Parts

_Options: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...]]


class KeptApis:
    """APIs that no registry uses now, and those in use; never one for two registries at once."""

    def __init__(self) -> None:
        self._in_use: list[tuple[_Options, FastAPI]] = []
        self._unused: dict[_Options, list[FastAPI]] = {}

    def build(
        self,
        parts: Parts,
        path_prefix: str = "",
        origins: Collection[str] = (),
        allowed_hosts: Collection[str] = (),
    ) -> FastAPI:
        """Return an API, as `services.registry.routes.build.build` does."""
        options = (path_prefix, tuple(origins), tuple(allowed_hosts))
        unused = self._unused.get(options)
        api = unused.pop() if unused else build(parts, *options)
        api.state.parts = parts
        self._in_use.append((options, api))
        return api

    def take_back(self) -> None:
        """Keep those in use for others: their registries have ended."""
        for options, api in self._in_use:
            del api.state.parts
            api.middleware_stack = None  # its parts are made anew, with the first request
            self._unused.setdefault(options, []).append(api)
        self._in_use.clear()
