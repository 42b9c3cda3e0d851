"""What keeps a request from being served. `api.problems` turns each into an answer."""

from shared.contract.devices import Kind


class DomainError(Exception):
    """A request that cannot be served, and why.

    Args:
        detail: What is wrong here, and what to do.
        facts: Details for programs, by name.
    """

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.facts = facts


class NotAuthenticatedError(DomainError):
    """The request has no valid API key."""


class NotAllowedError(DomainError):
    """The operator's role does not include this."""


class NoSuchKeyError(DomainError):
    """There is no API key with this id."""


class NameTakenError(DomainError):
    """An API key that is not revoked has this name."""


class NoCredentialKeyError(DomainError):
    """This registry has no key to make digests of secrets with."""


class NotRegisteredError(DomainError):
    """There is no such device."""

    def __init__(self, kind: Kind, device_id: str) -> None:
        super().__init__(f"no {kind.value} with the id {device_id!r} is registered")


class NotPairedError(DomainError):
    """The device is not part of a pairing."""

    def __init__(self, kind: Kind, device_id: str) -> None:
        super().__init__(f"the {kind.value} {device_id!r} is not paired")


class ChargerIsPairedError(DomainError):
    """The charger is paired with another widget."""


class WidgetIsPairedError(DomainError):
    """The widget is paired with another charger."""


class ChangedMeanwhileError(DomainError):
    """Another client changed it since the client saw it."""


class ExistsError(DomainError):
    """It is there, and the client asked for a change only if it is not."""


class NoSuchRentalError(DomainError):
    """There is no rental with this id."""


class RentalIsOpenError(DomainError):
    """An open rental needs the charger or the widget."""


class RentalExistsError(DomainError):
    """Another rental has this id."""


class NoWidgetToGiveError(DomainError):
    """The charger has no widget that a visitor could be given."""


class NoWidgetToReturnError(DomainError):
    """The rental has no widget that could come back."""


class TooManyRowsError(DomainError):
    """An import file has too many rows."""


class ImportRefusedError(DomainError):
    """An import file has mistakes, so nothing was imported."""


class DirectoryAbsentError(DomainError):
    """Redis does not have the directory, so whether a device is registered is not known."""

    def __init__(self) -> None:
        super().__init__(
            "Redis does not have the directory, so it is not known which devices are registered. "
            "This registry puts it there as soon as Postgres answers. Try again in a moment."
        )
