"""Batches, padded and packed, against sums by hand."""

import math

import pytest
import torch

from weitiao.example import Batch, Example, Output, Prediction


def padded():
    """Two rows of 2 and 3 tokens."""
    ids = torch.tensor([[5, 6, 0], [7, 8, 9]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    return Batch({"input_ids": ids, "attention_mask": mask}, torch.tensor([0, 1]))


def packed():
    """The same rows end to end."""
    ids, positions = torch.tensor([[5, 6, 7, 8, 9]]), torch.tensor([[0, 1, 0, 1, 2]])
    tensors = {"input_ids": ids, "position_ids": positions}
    return Batch(tensors, torch.tensor([0, 1]), torch.tensor([2, 3]))


def test_the_layouts_are_told_apart_and_count_alike():
    assert not padded().packed
    assert packed().packed
    assert padded().rows == packed().rows == 2


def test_twice_padded_is_the_rows_below_each_other():
    twice = padded().twice()
    assert twice.tensors["input_ids"].tolist() == [[5, 6, 0], [7, 8, 9], [5, 6, 0], [7, 8, 9]]
    assert twice.tensors["attention_mask"].shape == (4, 3)
    assert twice.labels.tolist() == [0, 1, 0, 1]
    assert twice.lengths is None
    assert twice.rows == 4


def test_twice_packed_is_the_rows_behind_each_other():
    twice = packed().twice()
    assert twice.tensors["input_ids"].tolist() == [[5, 6, 7, 8, 9, 5, 6, 7, 8, 9]]
    assert twice.tensors["position_ids"].tolist() == [[0, 1, 0, 1, 2, 0, 1, 0, 1, 2]]
    assert twice.labels.tolist() == [0, 1, 0, 1]
    assert twice.lengths.tolist() == [2, 3, 2, 3]
    assert twice.rows == 4


@pytest.mark.parametrize("batch", [padded(), packed()], ids=["padded", "packed"])
def test_twice_without_labels_has_none(batch):
    bare = Batch(batch.tensors, None, batch.lengths, {"words": torch.tensor([True, False])})
    assert bare.twice().labels is None
    assert bare.twice().notes["words"].tolist() == [True, False, True, False]


@pytest.mark.parametrize("batch", [padded(), packed()], ids=["padded", "packed"])
def test_embedded_replaces_the_ids_and_nothing_else(batch):
    vectors = torch.ones(*batch.tensors["input_ids"].shape, 4)
    found = batch.embedded(vectors)
    assert set(found.tensors) == set(batch.tensors) - {"input_ids"} | {"inputs_embeds"}
    assert found.tensors["inputs_embeds"] is vectors
    assert found.rows == batch.rows == 2
    assert found.labels is batch.labels
    assert "input_ids" in batch.tensors


def test_the_norm_of_a_row_by_hand():
    """Row one holds 3 and 4 (norm 5), row two 1, 2, 2 (norm 3)."""
    side_by_side = torch.tensor([[[3.0], [4.0], [0.0]], [[1.0], [2.0], [2.0]]])
    norms = padded().row_norm(side_by_side)
    assert norms.flatten().tolist() == [5.0, 3.0]
    assert (side_by_side / norms).shape == side_by_side.shape
    end_to_end = torch.tensor([[[3.0], [4.0], [1.0], [2.0], [2.0]]])
    norms = packed().row_norm(end_to_end)
    assert norms.flatten().tolist() == [5.0, 5.0, 3.0, 3.0, 3.0]
    torch.testing.assert_close(
        (end_to_end / norms).flatten(), torch.tensor([0.6, 0.8, 1 / 3, 2 / 3, 2 / 3])
    )


def test_the_norm_runs_over_the_width_too():
    values = torch.tensor([[[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]])
    one = Batch({"input_ids": torch.zeros(1, 3, dtype=torch.long)})
    assert one.row_norm(values).item() == pytest.approx(math.sqrt(1 + 4 + 4 + 16))


@pytest.mark.parametrize("batch", [padded(), packed()], ids=["padded", "packed"])
def test_a_batch_moves_as_a_whole(batch):
    moved = batch.to(torch.device("meta"))
    assert {t.device.type for t in moved.tensors.values()} == {"meta"}
    assert moved.labels.device.type == "meta"
    assert (moved.lengths is None) == (batch.lengths is None)
    assert moved.lengths is None or moved.lengths.device.type == "meta"


def test_the_nouns_do_not_change():
    for noun in (Example({"text": "a"}), padded(), Output(torch.zeros(()), torch.zeros(1, 2)),
                 Prediction("good")):  # fmt: skip
        with pytest.raises((AttributeError, TypeError)):
            setattr(noun, type(noun).__slots__[0], None)
