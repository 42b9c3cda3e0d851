"""What a gateway claims that Redis has of a charger, in a form that is compared at a glance.

Every two seconds each gateway has all its chargers compared with what is stored. Nearly
always all is there, so the claim is the very text that a stored state begins with
(`write_live` in ``shared/bus/prelude.lua``): Redis compares it without reading any JSON.
"""


def claim_of(epoch: int, sequence: int) -> str:
    """Return what the stored state begins with, if the connection's last reading is there.

    Args:
        epoch: Of the connection, in µs; 0 claims nothing.
        sequence: Of its last reading; 0 if there was none.
    """
    if sequence:
        return f'{{"epoch":{epoch},"revision":[{epoch},{sequence}],'
    return f'{{"epoch":{epoch}'
