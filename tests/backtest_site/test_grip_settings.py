"""Which proxy the environment names: what is understood, and what is refused in words."""

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured

from backtest_site import grip_settings

KEY = "k" * 32
SHORT = "changeme"


def _read(**variables: str) -> grip_settings.GripSettings:
    return grip_settings.read(variables)


def test_no_proxy_is_the_default() -> None:
    assert _read() == grip_settings.GripSettings(url=None, prefix="", verify_key=None)
    assert _read(GRIP_URL=" ", GRIP_PREFIX="", GRIP_VERIFY_KEY="") == _read()


def test_a_proxy_is_named_with_its_key() -> None:
    found = _read(GRIP_URL="http://127.0.0.1:5561", GRIP_PREFIX="site-1.", GRIP_VERIFY_KEY=KEY)

    assert found == grip_settings.GripSettings(url="http://127.0.0.1:5561", prefix="site-1.", verify_key=KEY)


def test_a_key_may_be_base64() -> None:
    text = "base64:" + base64.b64encode(bytes(range(32))).decode()

    assert _read(GRIP_URL="http://proxy:5561/", GRIP_VERIFY_KEY=text).verify_key == bytes(range(32))


@pytest.mark.parametrize("query", [f"verify-key={KEY}", f"iss=realm&key={KEY}", f"iss=realm&key=base64:{KEY * 4}"])
def test_the_url_may_have_the_key(query: str) -> None:
    assert _read(GRIP_URL=f"https://api.example.org/realm?{query}").verify_key is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"GRIP_PREFIX": "a"}, "GRIP_PREFIX is set but GRIP_URL is not"),
        ({"GRIP_VERIFY_KEY": KEY}, "GRIP_VERIFY_KEY is set but GRIP_URL is not"),
        ({"GRIP_URL": "http://proxy:5561"}, "anyone could claim to be the proxy"),
        ({"GRIP_URL": "http://proxy:5561", "GRIP_VERIFY_KEY": SHORT}, "GRIP_VERIFY_KEY has 8 bytes"),
        ({"GRIP_URL": f"http://proxy:5561?verify-key={SHORT}"}, "GRIP_URL's verify-key has 8 bytes"),
        ({"GRIP_URL": f"http://proxy:5561?key={SHORT}"}, "GRIP_URL's key has 8 bytes"),
        ({"GRIP_URL": "http://proxy:5561", "GRIP_VERIFY_KEY": "base64:%%"}, "what follows is not base64"),
        ({"GRIP_URL": f"http://proxy:5561?key=base64:{KEY}"}, "a key in base64 without its iss"),
        ({"GRIP_URL": "http://proxy:5561?iss=realm", "GRIP_VERIFY_KEY": KEY}, "an iss without its key"),
        ({"GRIP_URL": "http://proxy:5561?keys=x", "GRIP_VERIFY_KEY": KEY}, "the parameter keys; known are"),
        ({"GRIP_URL": "127.0.0.1:5561", "GRIP_VERIFY_KEY": KEY}, "does not begin with http:// or https://"),
        ({"GRIP_URL": "tcp://127.0.0.1:5560", "GRIP_VERIFY_KEY": KEY}, "does not begin with http:// or https://"),
        ({"GRIP_URL": "http://", "GRIP_VERIFY_KEY": KEY}, "does not begin with http:// or https://"),
        ({"GRIP_URL": "http://proxy:port", "GRIP_VERIFY_KEY": KEY}, "no usable port or host"),
        ({"GRIP_URL": "http://u:p@proxy:5561", "GRIP_VERIFY_KEY": KEY}, "a user name or a fragment"),
        ({"GRIP_URL": "http://proxy:5561", "GRIP_VERIFY_KEY": KEY, "GRIP_PREFIX": "a b"}, "GRIP_PREFIX is 'a b'"),
    ],
)
def test_what_is_not_understood_is_refused_in_words_without_the_key(variables: dict[str, str], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="GRIP_") as refused:
        grip_settings.read(variables)

    assert words in str(refused.value)
    assert KEY not in str(refused.value)
    assert SHORT not in str(refused.value)
