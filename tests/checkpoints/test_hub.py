"""A hub that cannot be reached is told at once, not after minutes of retries."""

import socket
import time

import pytest
from huggingface_hub import constants

from weitiao.checkpoints import hub
from weitiao.checkpoints.load import load_config
from weitiao.checkpoints.resolve import Source
from weitiao.errors import ModelError


@pytest.fixture
def no_network(monkeypatch):
    def refused(*address, **options):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(hub, "getproxies", dict)


def test_an_unknown_checkpoint_without_a_network_is_one_message(no_network):
    begun = time.monotonic()
    with pytest.raises(ModelError, match="nobody/nothing: neither a folder .* cannot be reached"):
        load_config(Source("nobody/nothing", None, "hub", None))
    assert time.monotonic() - begun < 30


def test_what_is_cached_needs_no_network(no_network, monkeypatch):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *a, **k: "config.json")
    hub.require("somebody/something")


def test_behind_a_proxy_the_hub_is_taken_for_reachable(no_network, monkeypatch):
    monkeypatch.setattr(hub, "getproxies", lambda: {"https": "http://proxy:8080"})
    hub.require("nobody/nothing")
