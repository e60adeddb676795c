"""A cluster that cannot do what is asked says so at once: Ray itself would wait, and say nothing."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from weitiao.cluster import connect
from weitiao.errors import WeitiaoError
from weitiao.experiments.executors.ray import Ray


def cluster(*machines, free=None):
    """A cluster of machines of (processors, graphics cards)."""
    nodes = [{"Alive": True, "Resources": {"CPU": c, "GPU": g}} for c, g in machines]
    dead = {"Alive": False, "Resources": {"CPU": 64.0}}
    total = float(sum(c for c, _g in machines))
    return SimpleNamespace(
        nodes=lambda: [*nodes, dead, {"Alive": True, "Resources": {}}],
        cluster_resources=lambda: {"CPU": total},
        available_resources=lambda: {"CPU": total if free is None else free},
        is_initialized=lambda: True,
    )


@pytest.mark.parametrize(
    ("machines", "workers", "cpus", "gpus", "room"),
    [
        ([(2, 0)] * 3, 2, 3, 0, "room for 0 workers of 3 processors"),  # six processors in all
        ([(4, 0)] * 2, 2, 1, 1, "room for 0 workers of 1 processors and 1 graphics cards"),
        ([(4, 1), (4, 0)], 2, 1, 1, "room for 1 workers"),
        ([(2, 0)], 2, 2, 0, "has 2 processors; 2 workers need 4"),
    ],
)
def test_workers_that_no_machine_has_room_for_are_refused(machines, workers, cpus, gpus, room):
    with pytest.raises(WeitiaoError, match=room):
        connect.require_places(cluster(*machines), workers, cpus, gpus)


@pytest.mark.parametrize(
    ("machines", "workers", "cpus", "gpus"),
    [([(2, 0)] * 3, 3, 2, 0), ([(4, 1)], 2, 1, 0.5), ([(4, 0), (5, 0)], 4, 2, 0)],
)
def test_workers_that_have_room_are_not(machines, workers, cpus, gpus):
    connect.require_places(cluster(*machines), workers, cpus, gpus)


def test_cells_that_no_machine_has_room_for_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", cluster((2, 0), (2, 0)))
    with pytest.raises(WeitiaoError, match="room for 0 workers of 3 processors"):
        next(Ray(cpus=3).run([]))


def test_a_cluster_that_others_use_is_said(monkeypatch):
    monkeypatch.setattr(connect, "LOOKED_SECONDS", 0.0)
    said = []
    connect.tell_busy(cluster((4, 0), free=1.0), 2, said.append)
    assert "1 of its processors are free, 2 are needed" in said[0]
    connect.tell_busy(cluster((4, 0)), 4, said.append)
    assert len(said) == 1


@pytest.mark.parametrize("numbers", [{"workers": 0}, {"cpus": -1}, {"tries": 0}])
def test_fewer_than_one_are_refused(numbers):
    """Ray takes -1 failures, that is no try, for tries without end."""
    with pytest.raises(WeitiaoError, match="at least 1"):
        connect.require_numbers(**numbers)


@pytest.mark.parametrize("installed", [None, ModuleType("ray")])  # none; a folder of this name
def test_without_ray_the_command_is_said(monkeypatch, installed):
    monkeypatch.setitem(sys.modules, "ray", installed)
    with pytest.raises(WeitiaoError, match=r"pip install 'weitiao\[ray\]'"):
        connect.connect()


def test_ray_without_a_library_of_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", cluster((1, 0)))
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(WeitiaoError, match=r"pip install 'weitiao\[ray\]'"):
        connect.connect(library="data")
    assert connect.connect()[1] is False


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "[::1]:1", "http://127.0.0.1:1"])
def test_an_address_that_is_none_is_named(monkeypatch, address):
    ray = cluster((1, 0))
    ray.is_initialized = lambda: False
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(WeitiaoError, match="no cluster at"):
        connect.connect(address)


def test_a_ray_that_does_not_start_is_said(monkeypatch):
    def init(**_options):
        raise Exception("The current node timed out during startup.")

    ray = cluster((1, 0))
    ray.is_initialized, ray.init = lambda: False, init
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(WeitiaoError, match="timed out during startup"):
        connect.connect()


def test_each_folder_that_is_not_seen_is_named(tmp_path):
    assert not connect.unseen(tmp_path)
    assert "nowhere" in connect.unseen(tmp_path, tmp_path / "nowhere")


def test_an_address_of_ray_client_is_refused(monkeypatch):
    unconnected = SimpleNamespace(is_initialized=lambda: False)
    monkeypatch.setitem(sys.modules, "ray", unconnected)
    with pytest.raises(WeitiaoError, match="Ray Client are not supported"):
        connect.connect("ray://head:10001")
