"""Tags as a chain: against all rows of tags written out, and through a network in every layout."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import toy_data, toy_plan
from tiny_networks import network, rows
from weitiao import parts
from weitiao.errors import PlanError
from weitiao.example import WORDS, Batch
from weitiao.losses.standard import CrossEntropy
from weitiao.model.crf import LinearChainCrf, chain_logits
from weitiao.model.custom_head import HeadedNetwork
from weitiao.model.head_layers import Tokens
from weitiao.model.heads.base import Shape
from weitiao.model.model import Model
from weitiao.model.net import Net


def every_row(scores, moves):
    """(paths, probabilities) of all rows of tags, by their whole scores."""
    steps, tags = scores.shape
    paths = list(itertools.product(range(tags), repeat=steps))
    worth = []
    for path in paths:
        ends = [tags, *path, tags]
        one = sum(scores[step, tag] for step, tag in enumerate(path))
        worth.append(one + sum(moves[a, b] for a, b in itertools.pairwise(ends)))
    worth = np.exp(np.array(worth) - max(worth))
    return paths, worth / worth.sum()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any),
    tags=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_a_chain_is_all_rows_of_tags_written_out(lengths, tags, seed):
    draw = torch.Generator().manual_seed(seed)
    steps = max(lengths)
    scores = torch.randn(len(lengths), steps, tags, generator=draw, dtype=torch.float64) * 2
    moves = torch.randn(tags + 1, tags + 1, generator=draw, dtype=torch.float64) * 2
    right = torch.randint(tags, (len(lengths), steps), generator=draw)
    sizes = torch.tensor(lengths)
    alone = chain_logits(scores, sizes, moves, None).exp().numpy()
    given_right = chain_logits(scores, sizes, moves, right).log_softmax(-1).numpy()
    for row, length in enumerate(lengths):
        paths, shares = every_row(scores[row, :length].numpy(), moves.numpy())
        for step, tag in itertools.product(range(length), range(tags)):
            wanted = sum(p for path, p in zip(paths, shares, strict=True) if path[step] == tag)
            np.testing.assert_allclose(alone[row, step, tag], wanted, atol=1e-9)
        if length:
            path = right[row, :length].tolist()
            found = given_right[row, range(length), path].sum()
            np.testing.assert_allclose(found, np.log(shares[paths.index(tuple(path))]), atol=1e-9)


def crf(outputs=3):
    head = parts.build("heads", "crf", {})
    native = network("bert", head="tokens", num_labels=outputs)
    torch.manual_seed(3)
    module = head.module(Shape(32, native.config.num_hidden_layers + 1, outputs, 0.0, 0.2, False))
    torch.nn.init.normal_(module.transitions, std=1.0)
    return HeadedNetwork(native.base_model, module, type(head))


@pytest.mark.parametrize("asked", ["with the right tags", "without"])
def test_every_layout_gives_the_same_chain(asked, own_kernels):
    batch, grid = rows("bert")
    mask = grid["attention_mask"].bool()
    draw = torch.Generator().manual_seed(1)
    words = torch.rand(int(mask.sum()), generator=draw) < 0.6
    labels = torch.where(words, torch.randint(3, words.shape, generator=draw), -100)

    def spread(flat, fill):
        return torch.full(mask.shape, fill, dtype=flat.dtype).masked_scatter(mask, flat)

    told = labels if asked == "with the right tags" else None
    found = {}
    for layout in ("padded", "packed", "fused"):
        net = Net(crf()).run_as(layout, "fp32").train()
        assert net.layout == layout
        if layout == "padded":
            known = None if told is None else spread(labels, -100)
            given_batch = Batch(grid, known, notes={WORDS: spread(words, False)})
            logits = net(given_batch)[mask]
        else:
            given_batch = Batch(batch.tensors, told, batch.lengths, {WORDS: words})
            logits = net(given_batch)
        loss = CrossEntropy().value(logits, labels)
        loss.backward()
        slopes = {n: p.grad for n, p in net.native.named_parameters() if p.grad is not None}
        found[layout] = logits[words], loss, slopes
    logits, loss, slopes = found.pop("padded")
    assert slopes["head.transitions"].abs().max() > 0
    for other, other_loss, others in found.values():
        torch.testing.assert_close(other, logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(other_loss, loss, rtol=1e-4, atol=1e-4)
        for key, slope in slopes.items():
            off = float((others[key] - slope).norm())
            assert off <= 1e-3 * max(float(slope.norm()), 1e-2), key


def test_a_batch_without_words_is_left_as_it_is():
    chain = LinearChainCrf(8, 3, 0.0, 0.2)
    logits, none = torch.randn(5, 3), torch.zeros(5, dtype=torch.bool)
    found = chain.chain_logits(logits, Tokens(None, torch.tensor([2, 3])), None, none)
    assert found is logits


def test_moves_are_learned_at_the_rate_of_a_head():
    """Tags by turns, which no word alone tells: at the rate of `head_rate` some hundred updates are enough."""
    chain = LinearChainCrf(8, 2, 0.0, 0.2)
    optimizer = torch.optim.AdamW([chain.transitions], lr=1e-2)
    right = torch.arange(12).expand(4, 12) % 2
    scores, lengths, cost = torch.zeros(4, 12, 2), torch.full((4,), 12), []
    for _ in range(200):
        logits = chain_logits(scores, lengths, chain.transitions, right)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), right.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cost.append(float(loss.detach()))
    assert cost[0] > 0.69
    assert cost[-1] < 0.1


@pytest.mark.parametrize(
    ("task", "head", "told"),
    [
        ("classification", "crf", "is for tagging"),
        ("question_answering", "crf", "is for tagging"),
        ("classification", "per_token", "is for tagging"),
        ("token_classification", "pooled", "answers for tokens"),
    ],
)
def test_heads_go_with_their_answers_alone(task, head, told, tiny_bert):
    plan = toy_plan(task, tiny_bert).with_({"model.head": head})
    with pytest.raises(PlanError, match=told):
        Model.start(plan, toy_data(plan, 40).train)
