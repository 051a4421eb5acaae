"""The form of a company key, and how it is compared."""

import hmac
import os
import re

import pytest

from hydrobit.company_keys import secret


def test_a_key_has_an_id_a_dot_and_256_random_bits() -> None:
    key = secret.make(os.urandom)
    assert re.fullmatch(r"key_[0-9a-f]{16}\.[A-Za-z0-9_-]{43}", key.text)
    assert secret.key_id_of(key.text) == key.key_id
    assert len({secret.make(os.urandom).text for _ in range(100)}) == 100


def test_a_key_fits_itself_alone() -> None:
    key, other = secret.make(os.urandom), secret.make(os.urandom)
    assert secret.fits(key.text, key.salt, key.digest)
    assert not secret.fits(other.text, key.salt, key.digest)
    assert not secret.fits(f"{other.key_id}.{key.text.partition('.')[2]}", key.salt, key.digest)
    assert not secret.fits(key.text, other.salt, key.digest)


def test_nothing_that_prints_a_key_shows_it() -> None:
    key = secret.make(os.urandom)
    assert key.text.partition(".")[2] not in f"{key} {key!r}"
    assert key.digest.hex() not in repr(key)


@pytest.mark.parametrize(
    "change", ["", ".", "key_1.x", "{0} ", "{0}\n", "{0}=", "{1}.{2}.{2}", "KEY_{3}.{2}", "{1}.{2}A"]
)
def test_what_has_not_the_form_of_a_key_names_no_id(change: str) -> None:
    key = secret.make(os.urandom)
    key_id, _, token = key.text.partition(".")
    assert secret.key_id_of(change.format(key.text, key_id, token, key_id[4:])) is None


def test_a_near_miss_is_compared_as_long_as_a_far_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared are whole digests, by the comparison of the standard library that does not stop early."""
    compared: list[tuple[bytes, bytes]] = []
    constant_time = hmac.compare_digest

    def watched(ours: bytes, stored: bytes) -> bool:
        compared.append((ours, stored))
        return constant_time(ours, stored)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    key = secret.make(os.urandom)
    misses = [key.text[:-1] + ("A" if key.text[-1] != "A" else "B"), key.text[:-43] + "A" * 43, "x", key.text * 100]
    assert not any(secret.fits(miss, key.salt, key.digest) for miss in misses)
    assert [(len(ours), stored) for ours, stored in compared] == [(32, key.digest)] * len(misses)
