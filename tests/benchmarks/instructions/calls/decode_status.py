"""What a widget's gateway does with a status first."""

from collections.abc import Callable
from typing import Final

from shared.contract.doorbells import decode_status

_DOORBELL: Final = (
    b'{"event":"chargingStatus","data":{"status":"charging"},"widget":"w00001",'
    b'"charger":"c00001","pairing":7,"revision":[1764000000000000,4],"thresholds":1,'
    b'"received_at":1764000000000000}'
)


def ready() -> Callable[[], object]:
    return lambda: decode_status(_DOORBELL)
