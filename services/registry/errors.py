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


class AuthenticationOffError(DomainError):
    """No API key can be made, because none is required."""


class NoSuchKeyError(DomainError):
    """There is no API key with this id."""

    def __init__(self) -> None:
        super().__init__(
            # Not what was asked for: it may be a key in the place of its id.
            "there is no API key with this id. An id is what stands between clk_ and the second "
            "underscore of a key, and GET /keys (chargelight keys list) shows them"
        )


class KeyEndedError(DomainError):
    """An API key was revoked or replaced, so it cannot be renewed."""


class NameTakenError(DomainError):
    """An API key that is valid has this name."""


class NoCredentialKeyError(DomainError):
    """This registry has no key to make digests of secrets with."""


class CanaryError(DomainError):
    """A canary and a device of visitors cannot take each other's place."""


class NotRegisteredError(DomainError):
    """There is no such device.

    Args:
        kind: Of the device; None: of any kind.
        device_id: The id that was asked for.
        similar: A registered id that differs only in capitals, if there is one.
        other_kind: The kind of the device that does have this id, if there is one.
    """

    def __init__(
        self,
        kind: Kind | None,
        device_id: str,
        *,
        similar: str | None = None,
        other_kind: Kind | None = None,
    ) -> None:
        noun = kind.value if kind else "charger or widget"
        detail = f"no {noun} with the id {device_id!r} is registered"
        if similar is not None:
            super().__init__(f"{detail}. There is {similar!r}: capitals matter", similar=similar)
        elif other_kind is not None:
            super().__init__(f"{detail}. It is the id of a {other_kind.value}")
        else:
            super().__init__(detail)


class RentalIsOverError(DomainError):
    """The phone of a rental was collected, so there is nothing to show."""


class NotPairedError(DomainError):
    """The device is not part of a pairing."""

    def __init__(self, kind: Kind, device_id: str) -> None:
        super().__init__(f"the {kind.value} {device_id!r} is not paired")


class ChargerIsPairedError(DomainError):
    """The charger is paired with another widget."""


class WidgetIsPairedError(DomainError):
    """The widget is paired with another charger."""


class NoSuchBoothError(DomainError):
    """There is no booth with this id."""

    def __init__(self, booth_id: str) -> None:
        super().__init__(
            f"there is no booth with the id {booth_id!r}. GET /booths (chargelight booths list) "
            "shows them"
        )


class BoothExistsError(DomainError):
    """A booth has this id or this name."""


class BoothInUseError(DomainError):
    """A booth is not empty, or keys are limited to it."""


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


class NoDestinationError(DomainError):
    """There is nobody to tell anything."""

    def __init__(self) -> None:
        super().__init__(
            "this registry tells nobody anything. Set CHARGELIGHT_REGISTRY_NOTIFY_CHANNELS or "
            "CHARGELIGHT_REGISTRY_WEBHOOKS"
        )


class TooBusyError(DomainError):
    """As many requests of this kind are being served as may be at once."""


class TooManyRowsError(DomainError):
    """An import file has too many rows."""


class ImportRefusedError(DomainError):
    """An import file has mistakes, so nothing was imported."""


class ChargerOfflineError(DomainError):
    """A charger is not connected, so it cannot be commanded."""

    def __init__(self, charger_id: str, why: str = "it is not connected") -> None:
        super().__init__(f"{charger_id} cannot be commanded: {why}. Nothing was sent")


class SpeaksNoOcppError(DomainError):
    """A charger speaks our own protocol, which has no commands."""

    def __init__(self, charger_id: str, *, is_new: bool = False) -> None:
        what = (
            "has just connected, and whether it speaks OCPP is not known yet. Try again in a moment"
            if is_new
            else "does not speak OCPP, and only OCPP has commands"
        )
        super().__init__(f"{charger_id} {what}. Nothing was sent")


class CommandIdTakenError(DomainError):
    """A command with this id was sent to the charger before, or may have been."""


class CommandNotSentError(DomainError):
    """A command could not be sent, which is certain."""


class NoAnswerError(DomainError):
    """A charger did not answer a command in time."""


class DirectoryAbsentError(DomainError):
    """Redis does not have the directory, so whether a device is registered is not known."""

    def __init__(self) -> None:
        super().__init__(
            "Redis does not have the directory, so it is not known which devices are registered. "
            "This registry puts it there as soon as Postgres answers. Try again in a moment."
        )
