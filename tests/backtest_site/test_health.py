"""The health check tells whether this process and its database answer, and nothing else."""

import pytest
from django.db import connection
from django.test import Client


@pytest.mark.django_db
def test_a_working_site_is_healthy(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_a_site_without_its_database_is_not_healthy_and_tells_no_address(client: Client) -> None:
    connection.close()
    port = connection.settings_dict["PORT"]
    connection.settings_dict["PORT"] = "1"  # Nobody listens there.
    try:
        response = client.get("/healthz")
    finally:
        connection.close()
        connection.settings_dict["PORT"] = port

    assert (response.status_code, response.json()) == (503, {"status": "unavailable"})


@pytest.mark.django_db
def test_health_cannot_be_posted(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
