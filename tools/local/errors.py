"""Why the local hub cannot run."""


class LocalHubError(Exception):
    """The hub cannot be started, or a part of it failed; the message says what to do."""
