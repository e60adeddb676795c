"""Threads that wait for others do not spin for long, unless the user says how they shall."""

import os

import pytest

from weitiao.hardware.machine import SPINS, wait_briefly


@pytest.mark.parametrize(
    "set_by_user", [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "active"}]
)
def test_threads_wait_briefly_unless_told_otherwise(set_by_user, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
        if name in set_by_user:
            monkeypatch.setenv(name, set_by_user[name])
    wait_briefly()
    expected = set_by_user or {"GOMP_SPINCOUNT": SPINS}
    found = {n: os.environ[n] for n in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY") if n in os.environ}
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert found == expected
