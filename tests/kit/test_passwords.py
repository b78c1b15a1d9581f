"""The hash that a password is compared with where there is none."""

import argon2

from stagedoor.kit.passwords import hash_password, password_matches, unmatchable_hash


def test_to_compare_with_the_unmatchable_hash_costs_what_a_real_one_costs() -> None:
    real, stand_in = hash_password("a password of one's own"), unmatchable_hash()
    assert argon2.extract_parameters(stand_in) == argon2.extract_parameters(real)
    assert len(stand_in) == len(real)


def test_the_unmatchable_hash_is_compared_and_does_not_match() -> None:
    """One that could not be read would be an error, not a refusal."""
    assert not password_matches(unmatchable_hash(), "a password of one's own")
    assert unmatchable_hash() != unmatchable_hash()
