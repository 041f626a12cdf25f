import socket

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.serve.address import address_of, is_loopback, listen, names_of


def test_any_free_port_of_this_machine():
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert address_of(listener, "127.0.0.1") == f"http://127.0.0.1:{port}/"
        assert is_loopback(listener)
        with pytest.raises(UserError, match=f"127.0.0.1 port {port}: cannot listen there"):
            listen("127.0.0.1", port)


def test_an_address_that_others_reach_is_known_as_such():
    with listen("0.0.0.0", 0) as listener:
        assert not is_loopback(listener)
        assert address_of(listener, "0.0.0.0").startswith("http://localhost:")


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [("127.0.0.1", 70_000, "--port is 70000"), ("127.0.0.1", -1, "--port is -1"), ("no such\x00host", 0, "no address")],
)
def test_what_is_no_address_is_told(host, port, words):
    with pytest.raises((UserError, ValueError), match=words):
        listen(host, port)


def test_a_server_goes_by_loopback_names_its_own_and_those_it_is_given():
    names = names_of("192.168.7.7", ("gas.example",))
    assert all(map(names.include, ["localhost:80", "127.0.0.1", "[::1]", "192.168.7.7:8765", "GAS.example"]))
    assert not any(map(names.include, ["192.168.7.8", "example"]))
    everywhere = names_of("0.0.0.0")
    assert everywhere.include("192.168.7.8")
    assert everywhere.include(socket.gethostname())
    assert not everywhere.include("evil.example")
