"""DATABASE_URL is read strictly: what is not understood is told, never guessed."""

import pytest

from backtest_site import database_url, embedded_postgres
from backtest_site.database_url import DatabaseAddress, DatabaseUrlInvalid


def test_an_address_with_everything_is_read() -> None:
    address = database_url.parse("postgresql://trader:p%40ss%2Fword@db.example.org:6432/back%20tests?sslmode=require")

    assert address == DatabaseAddress(
        name="back tests",
        user="trader",
        password="p@ss/word",
        host="db.example.org",
        port=6432,
        options={"sslmode": "require"},
    )


def test_the_socket_form_is_read() -> None:
    address = database_url.parse("postgresql://postgres@/postgres?host=/var/run/my%20folder&port=5433")

    assert (address.host, address.port, address.user) == ("/var/run/my folder", 5433, "postgres")


def test_an_address_without_port_and_user_leaves_both_to_libpq() -> None:
    address = database_url.parse("postgres:///trades")

    assert address.as_django() == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "trades",
        "USER": "",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
        "OPTIONS": {},
    }


def test_an_ipv6_host_is_read() -> None:
    assert database_url.parse("postgresql://u@[::1]:5433/db").host == "::1"


def test_what_the_embedded_server_returns_is_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("with blank") / "pg"

    address = database_url.parse(embedded_postgres.url(home))

    assert (address.name, address.user, address.password, address.port) == ("postgres", "postgres", "", None)
    assert address.host.startswith("/")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no scheme"),
        ("trades", "no scheme"),
        ("mysql://u@h/db", "begins with 'mysql'"),
        ("sqlite:///db.sqlite3", "begins with 'sqlite'"),
        ("postgresql://u@h", "names no database"),
        ("postgresql://u@h/", "names no database"),
        ("postgresql://u@h/a/b", "holds a '/'"),
        ("postgresql://u@h:port/db", "is not an address"),
        ("postgresql://u@h:99999/db", "is not an address"),
        ("postgresql://u@h:0/db", "port 0"),
        ("postgresql://u@/db?port=x", "not a number"),
        ("postgresql://u@/db?port=70000", "not between 1 and 65535"),
        ("postgresql://u@h:1/db?port=2", "gives the port twice"),
        ("postgresql://u@h/db?host=/tmp", "gives the host twice"),
        ("postgresql://u@h/db?sslmod=require", "unknown parameter 'sslmod'"),
        ("postgresql://u@h/db?sslmode", "cannot be read"),
        ("postgresql://u@h/db?sslmode=", "no value"),
        ("postgresql://u@h/db?sslmode=a&sslmode=b", "'sslmode' twice"),
        ("postgresql://u:pass#word@h/db", "holds a '#'"),
        ("postgresql://u@[::1/db", "is not an address"),
    ],
)
def test_a_faulty_address_is_refused_by_name(text: str, fault: str) -> None:
    with pytest.raises(DatabaseUrlInvalid) as refused:
        database_url.parse(text)

    assert fault in str(refused.value)
    assert "postgresql://user:password@host:5432/name" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:hunter2@h/db?sslmod=1",
        "postgresql://u:hunter2#@h/db",
        "postgresql://u:hunter2/@h/db",
        "postgresql://u:1/hunter2@h/db",
        "postgresql://u:1?hunter2@h/db",
        "postgresql://u:1?hunter2@h/db=1",
        "postgresql://u:[hunter2@h/db",
    ],
)
def test_a_refusal_does_not_repeat_the_password(text: str) -> None:
    with pytest.raises(DatabaseUrlInvalid) as refused:
        database_url.parse(text)

    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
