"""The keys and secrets of a local hub that requires them: those not given are made for one run."""

import json
import secrets
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from shared.process.secret_files import SUFFIX, SecretFileError, secret_from
from tools.local.errors import LocalHubError

DEVICE_AUTH = "CHARGELIGHT_DEVICE_AUTH"
OPERATOR_AUTH = "CHARGELIGHT_REGISTRY_OPERATOR_AUTH"
CREDENTIAL_KEY = "CHARGELIGHT_CREDENTIAL_KEY"
ADMIN_KEY = "CHARGELIGHT_REGISTRY_ADMIN_KEY"
"""The bootstrap key, with which the first admin's key is made."""

API_KEYS = ("CHARGELIGHT_SIMULATOR_KEY", "CHARGELIGHT_CLI_KEY")
CANARY_KEY = "CHARGELIGHT_CANARY_KEY"
CLIENT_SECRETS = ("CHARGELIGHT_SIMULATOR_SECRET", "CHARGELIGHT_CANARY_SECRET")
TRUSTED_CA = "SSL_CERT_FILE"
"""Where OpenSSL, and so Python and curl, find whom to trust."""
CLIENT_SETTINGS = (*API_KEYS, "CHARGELIGHT_SIMULATOR_SECRET", TRUSTED_CA)
"""What a terminal needs to get in, and to trust the hub."""

_USERS = (
    *("POSTGRES", "POSTGRES_REGISTRY"),
    *("REDIS_GATEWAY", "REDIS_ROUTER", "REDIS_REGISTRY", "REDIS_OPERATOR"),
)
SERVER_PASSWORDS = tuple(f"CHARGELIGHT_COMPOSE_{user}_PASSWORD" for user in _USERS)
"""Of all users that docker-compose.yml gives Redis and Postgres."""

_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.5
_TRY_AGAIN = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)


def complete_access(environment: Mapping[str, str], *, keeps_data: bool) -> dict[str, str]:
    """Return what the hub requires by its settings, and is not among them.

    Where data is kept, secrets that are in it would be of no use with another key of their
    digests: there it must be given.
    """
    needed: dict[str, str] = {}
    if environment.get(DEVICE_AUTH, "off") != "off":
        needed |= {name: secrets.token_urlsafe(24) for name in CLIENT_SECRETS}
        if not keeps_data:
            needed[CREDENTIAL_KEY] = secrets.token_hex(32)
    if environment.get(OPERATOR_AUTH, "off") != "off":
        needed[ADMIN_KEY] = secrets.token_hex(32)
    given = {name.removesuffix(SUFFIX) for name, text in environment.items() if text}
    return {name: text for name, text in needed.items() if name not in given}


def server_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Return passwords for the users of the containers' servers, but for those that are given."""
    missing = (name for name in SERVER_PASSWORDS if not environment.get(name))
    return {name: secrets.token_hex(24) for name in missing}


def first_keys(environment: Mapping[str, str], registry_url: str) -> dict[str, str]:
    """Return the API keys of our programs that the hub requires and that are not given.

    The bootstrap key makes an admin's key, as a person would, and that one the canary's; the
    registry need not be ready yet.

    Raises:
        LocalHubError: The registry refuses, because an admin has a key in a Postgres that was
            kept, or does not answer.
    """
    names = [name for name in API_KEYS if not _is_given(name, environment)]
    if environment.get(OPERATOR_AUTH, "off") == "off" or not names:
        return {}
    try:
        bootstrap_key = secret_from(environment, ADMIN_KEY)
    except SecretFileError as error:
        raise LocalHubError(str(error)) from error
    trusted = ssl.create_default_context(cafile=environment.get(TRUSTED_CA))
    admins = _make_key(registry_url, bootstrap_key, trusted, "make-up", "admin")
    made = dict.fromkeys(names, admins)
    if not _is_given(CANARY_KEY, environment):
        made[CANARY_KEY] = _make_key(registry_url, admins, trusted, "canary", "operator")
    return made


def _is_given(name: str, environment: Mapping[str, str]) -> bool:
    return bool(environment.get(name) or environment.get(name + SUFFIX))


def _make_key(url: str, by: str, trusted: ssl.SSLContext, name: str, role: str) -> str:
    """Make an API key with another one, once the registry answers."""
    wish = json.dumps({"name": f"{name}-{secrets.token_hex(3)}", "role": role}).encode()
    headers = {"Authorization": f"Bearer {by}", "Content-Type": "application/json"}
    request = Request(f"{url}/keys", wish, headers)  # noqa: S310 - our own address
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=trusted))
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with opener.open(request, timeout=10) as answer:
                key: str = json.load(answer)["key"]
                return key
        except HTTPError as error:
            if error.code not in _TRY_AGAIN:
                detail = json.load(error).get("detail", "")
                raise LocalHubError(
                    f"No API key could be made: {detail} (Or give one: {' and '.join(API_KEYS)}.)"
                ) from None
        except OSError:  # it does not listen yet
            pass
        if time.monotonic() > deadline:
            raise LocalHubError(f"The registry at {url} gives no API key; see its log.")
        time.sleep(_PAUSE_SECONDS)


def describe_access(environment: Mapping[str, str]) -> str:
    """One line on who has access: by default everyone, which the user should know."""
    devices = environment.get(DEVICE_AUTH, "off")
    operators = environment.get(OPERATOR_AUTH, "off")
    if devices == operators == "off":
        return (
            "OPEN: any device may connect without a secret, and anyone may change everything "
            f"without a key. To close it: {DEVICE_AUTH}=required {OPERATOR_AUTH}=required make up"
        )
    return f"Secrets of devices: {devices}. API keys of operators: {operators}."
