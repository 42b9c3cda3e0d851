"""What a process says of itself at ``/metrics``."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

READINGS = "chargelight_readings_received_total"
STORED = "chargelight_readings_stored_total"


async def counted(client: httpx.AsyncClient, health_port: int) -> dict[str, float]:
    """Return the values of all metrics without labels, and sums over labels."""
    response = await client.get(f"http://127.0.0.1:{health_port}/metrics")
    response.raise_for_status()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found
