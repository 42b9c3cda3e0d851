"""What is told, and to whom."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from services.registry.settings import RegistrySettings

URL = SecretStr("https://example.org/hook")
SECRET = SecretStr("opensesame" * 4)


@pytest.mark.parametrize(
    "name", ["ready_minutes", "silent_minutes", "return_minutes", "trouble_seconds"]
)
def test_what_would_be_told_to_nobody_is_refused(name: str) -> None:
    limit: dict[str, Any] = {name: 10}
    assert any(RegistrySettings(**limit, webhooks=URL, webhook_secret=SECRET).limits)
    with pytest.raises(
        ValidationError, match=f"CHARGELIGHT_REGISTRY_{name.upper()} would tell nobody"
    ):
        RegistrySettings(**limit)
