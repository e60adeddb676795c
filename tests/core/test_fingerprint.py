"""Fingerprints name cached files and stored results: the same content must give the same forever."""

import hashlib

import numpy as np

from weitiao.core import fingerprint


def test_fingerprints_are_those_of_earlier_versions(tmp_path):
    assert fingerprint.of_text("好") == hashlib.blake2b("好".encode(), digest_size=8).hexdigest()
    assert fingerprint.of_texts("a", "b") == "6a93c5780b9861cdd8d2761a748d9591"
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    whole = hashlib.blake2b(b"x" * 3_000_000, digest_size=16).hexdigest()
    assert fingerprint.of_file(path) == whole
    assert fingerprint.sha256_of(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_arrays_count_by_their_memory():
    values = np.arange(4)
    whole = fingerprint.of_chunks([values.tobytes()], 8)
    assert fingerprint.of_chunks([values[:1].data, values[1:].data], 8) == whole


def test_texts_do_not_run_into_each_other():
    assert (
        len({fingerprint.of_texts(*texts) for texts in (("ab", "c"), ("a", "bc"), ("abc",))}) == 3
    )
