import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from jvlgs_jax.serve.guards import Guards, OwnNames


@pytest.fixture
def client():
    answer = Route("/", lambda request: PlainTextResponse("hello"), methods=["GET", "POST"])
    return TestClient(Guards(Starlette(routes=[answer]), OwnNames()), base_url="http://127.0.0.1:8765")


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765"])
def test_the_servers_own_names_are_served(client, host):
    assert client.get("/", headers={"Host": host}).text == "hello"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "localhost.",
        "",
        "[::1",
        "10.0.0.1",
        "a@localhost@b",
    ],
)
def test_another_name_that_leads_here_is_refused(client, host):
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "no name of this server" in answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": "http://127.0.0.1:8765.[x"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_only_the_servers_own_page_changes_something(client, headers, status):
    assert client.post("/", headers=headers).status_code == status
    assert client.get("/", headers=headers).status_code == 200  # reading is for the browser to keep apart


def test_every_answer_tells_the_browser_to_run_nothing_from_elsewhere(client):
    for answer in (client.get("/"), client.get("/", headers={"Host": "evil.example"}), client.get("/none")):
        policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("host", "included"), [("10.1.2.3:80", True), ("[fe80::1]:80", True), ("gas-lab", True), ("evil.example", False)]
)
def test_a_server_at_every_address_goes_by_addresses_and_its_names(host, included):
    assert OwnNames(names=("gas-lab",), addresses=True).include(host) is included
