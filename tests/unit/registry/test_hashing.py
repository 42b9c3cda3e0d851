"""The slow hash of devices' secrets."""

import pytest

from services.registry.access.hashing import Hashing

SECRET = "a secret of a device"


async def test_a_hash_says_its_costs_and_nothing_of_the_secret() -> None:
    made = await Hashing().hash_of(SECRET)
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert SECRET not in made


async def test_a_secret_fits_its_hash_only_and_each_hash_has_its_own_salt() -> None:
    hashing = Hashing()
    one, other = await hashing.hash_of(SECRET), await hashing.hash_of(SECRET)
    assert one != other
    assert await hashing.verify(one, SECRET)
    assert await hashing.verify(other, SECRET)
    assert not await hashing.verify(one, SECRET.upper())


@pytest.mark.parametrize("hash_", ["", "nonsense", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$x$y"])
async def test_a_row_made_by_hand_fits_nothing(hash_: str) -> None:
    assert not await Hashing().verify(hash_, SECRET)
