"""Signatures of reporters, against the example that GitHub's documentation gives."""

from stagedoor.kit.signature import VerifyingKey

PEM = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq
kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==
-----END PUBLIC KEY-----
"""
BODY = b'[{"token":"some_token","type":"some_type","url":"some_url"}]'
SIGNATURE = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="
RSA = """\
-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALRiMLAHudeSA2ai60tSKGQYkFdsTpHF
gpX4yLJGTEKoP8wkXrRl0JxBhP6Z8Kw2Hq1bGpLJkZ0nrOSFcSbBnWECAwEAAQ==
-----END PUBLIC KEY-----
"""


def test_the_published_example_holds_and_no_other_body() -> None:
    key = VerifyingKey.load(PEM)
    assert key is not None and key.signed(BODY, SIGNATURE)
    assert not key.signed(BODY + b"\n", SIGNATURE)
    assert not key.signed(BODY, SIGNATURE.replace("A", "B", 1))


def test_what_is_no_public_key_on_p_256_is_none() -> None:
    assert [VerifyingKey.load(odd) for odd in ("", "nothing", RSA, PEM.replace("MFkw", "MFkx"))] == [None] * 4
