"""``python -m d2lcompute live``: a server for this machine alone. What pages do with it is tested
in tests/site/test_live.py."""

import re
import webbrowser

import pytest

from d2lcompute import __main__ as console
from d2lcompute import _live


class Server:
    """Takes the place of a Jupyter server."""

    port = 8765
    base_url = "/"
    running = False

    def start(self):
        self.running = True


@pytest.fixture
def started(monkeypatch):
    """The options and tokens of servers that were started, and the addresses that were opened."""
    servers, opened = [], []

    def make(options, token):
        servers.append((options, token, Server()))
        return servers[-1][-1]

    monkeypatch.setattr(_live, "_server", make)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    return servers, opened


def test_it_opens_the_page_with_the_server_in_the_fragment(started, capsys):
    servers, opened = started
    assert console.main(["live", "https://Books.example.org/b/blocks.html", "--port", "9000"]) == 0
    ((options, token, server),) = servers
    own = f"http://127.0.0.1:8765/?token={token}"
    assert opened == [f"https://Books.example.org/b/blocks.html#live={own}"]
    assert opened[0] in capsys.readouterr().out
    assert server.running and len(token) >= 32
    assert "--ServerApp.ip=127.0.0.1" in options and "--ServerApp.port=9000" in options
    assert "--ServerApp.allow_origin=https://books.example.org" in options
    assert not any(token in option for option in options)


def test_each_server_has_a_token_of_its_own(started):
    servers, opened = started
    for _ in range(2):
        assert console.main(["live"]) == 0
    assert servers[0][1] != servers[1][1]
    assert opened == []  # no page was named
    assert "--ServerApp.allow_origin=" in servers[0][0]


@pytest.mark.parametrize("address", ["blocks.html", "file:///b.html", "https://a@b.org/x", "*"])
def test_what_is_no_page_is_refused(started, capsys, address):
    assert console.main(["live", address]) == 1
    assert f"error: {address} is no address of a page" in capsys.readouterr().err
    assert started[0] == []


def test_without_jupyter_it_says_what_to_install(started, capsys, monkeypatch):
    monkeypatch.setattr(_live, "find_spec", lambda name: None)
    assert console.main(["live"]) == 1
    said = capsys.readouterr().err
    assert re.search(r"not installed: .* pip install jupyter-server ipykernel", said)


def test_its_options_are_those_of_jupyter(tmp_path):
    """A name that Jupyter does not know would leave a setting as it was, with a warning at most."""
    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

    known = {"ServerApp": ServerApp, "MappingKernelManager": MappingKernelManager}
    given = _live.options(8888, str(tmp_path), "https://a.org", tmp_path)
    assert len(given) >= 11
    for option in given:
        owner, name = re.fullmatch(r"--(\w+)\.(\w+)=.*", option).groups()
        assert name in known[owner].class_trait_names(config=True)
