"""A plain training loop, written without any of weitiao's training code, to compare with."""

import copy

import numpy as np
import torch
from torch.nn import functional

EPS = 1e-4


def row_order(lengths, plan, bucketed):
    """The rows of all epochs in the order of training, stated without the code under test: one
    permutation an epoch; bucketed, its rows by length with some noise, whole updates shuffled."""
    order, rows, size = [], len(lengths), plan.batch_size
    assert rows < 1.5 * 128 * size, "more would be sorted in several pools"
    for epoch in range(int(np.ceil(plan.epochs)) + 1):
        random = np.random.default_rng([plan.seed, epoch])
        drawn = random.permutation(rows)
        if bucketed:
            noisy = lengths + (0.5 + 0.01 * lengths) * random.uniform(-1, 1, rows)
            drawn = sorted(drawn, key=lambda row: noisy[row])
            # The epoch before may end inside an update, and this one, too: the shortest rows there.
            first = min((size - epoch * rows % size) % size, rows)
            last = (rows - first) % size
            start, end, rest = drawn[:first], drawn[first : first + last], drawn[first + last :]
            updates = [rest[at : at + size] for at in range(0, len(rest), size)]
            updates = [updates[at] for at in random.permutation(len(updates))]
            drawn = [*start, *(row for update in updates for row in update), *end]
        order += [int(row) for row in drawn]
    return order


def picked_of(labels, picked):
    if torch.is_tensor(labels):
        return labels[picked]
    wanted = [labels[row] for row in picked]
    return torch.nn.utils.rnn.pad_sequence(wanted, batch_first=True, padding_value=-100)


def plain_loss(task, output, labels, mask):
    if task.head == "spans":
        sides = [logits.masked_fill(mask == 0, -torch.inf)
                 for logits in (output.start_logits, output.end_logits)]  # fmt: skip
        each = [functional.cross_entropy(side, labels[:, at]) for at, side in enumerate(sides)]
        return sum(each) / 2
    logits = output.logits
    if task.head == "tokens":
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    if task.problem_type == "single_label_classification":
        return functional.cross_entropy(logits, labels)
    if task.problem_type == "multi_label_classification":
        return functional.binary_cross_entropy_with_logits(logits, labels)
    return functional.mse_loss(logits.squeeze(-1), labels)


def plain_contrast(vectors, labels, temperature):
    """L_out of Khosla et al. 2020, row by row; the mean over all rows."""
    unit, total = vectors / vectors.norm(dim=1, keepdim=True), 0.0
    for row, label in enumerate(labels):
        others = [at for at in range(len(labels)) if at != row]
        scores = torch.stack([unit[row] @ unit[at] / temperature for at in others])
        same = torch.tensor([bool(labels[at] == label) for at in others])
        if same.any():
            total = total - (scores - scores.exp().sum().log())[same].mean()
    return total / len(labels)


def labels_of(model, rows):
    """What each row is to teach, worked out without weitiao: a tensor; of tags a list of such, one
    for each piece (all words of the tests are one piece, between [CLS] and [SEP])."""
    task = model.task
    if task.head == "tokens":
        places = {label: place for place, label in enumerate(task.labels)}
        tags = [[places[tag] for tag in row] for row in rows.targets()]
        return [torch.tensor([-100, *row, -100]) for row in tags]
    if task.head != "spans":
        return torch.from_numpy(task.indices(rows.targets(), rows.ids()))
    found = []
    for example in rows.examples():
        ids = model.tokenizer(example.inputs["question"], example.inputs["context"])
        ends = [0, 0]  # the first token speaks for "no answer"
        if example.target:
            start, text = example.target[0]
            ends = [ids.char_to_token(0, at, 1) for at in (start, start + len(text) - 1)]
        found.append(ends)
    return torch.tensor(found)


def depth(name):
    if "embed" in name:
        return 0
    for layer in (0, 1):
        if f"layer.{layer}." in name:
            return layer + 1
    return 3


def rate(name, progress, plan):
    """Warm-up then linear, times what the strategies make of it."""
    warmup = plan.warmup_ratio
    factor = progress / warmup if progress < warmup else (1 - progress) / (1 - warmup)
    settings = plan.strategies
    if "layer_decay" in settings:
        factor *= settings["layer_decay"].get("decay", 0.9) ** (3 - depth(name))
    if "gradual_unfreezing" in settings:
        until = settings["gradual_unfreezing"].get("until", 0.5)
        factor *= progress >= until * (3 - depth(name)) / 3
    own = settings.get("head_rate") if depth(name) == 3 else None
    return (own["learning_rate"] if own else plan.learning_rate) * factor


class PlainLazy:
    """What lazy_embeddings says, row by row: AdamW that sees only the updates which touch the row,
    and the shrinking that the row missed since."""

    def __init__(self, table):
        self.table = table
        self.mean, self.square = torch.zeros_like(table), torch.zeros_like(table)
        self.times = torch.zeros(len(table), 1)
        self.missed = torch.ones(len(table), 1)

    @torch.no_grad()
    def step(self, touched, lr, decay):
        slope, seen = self.table.grad, torch.zeros_like(self.times, dtype=torch.bool)
        seen[sorted(touched)] = True
        self.times += seen
        self.missed *= 1 - lr * decay
        self.mean = torch.where(seen, 0.9 * self.mean + 0.1 * slope, self.mean)
        self.square = torch.where(seen, 0.999 * self.square + 0.001 * slope**2, self.square)
        times = self.times.clamp(min=1)
        step = self.mean / (1 - 0.9**times) / ((self.square / (1 - 0.999**times)).sqrt() + EPS)
        moved = self.table * self.missed - lr * step
        self.table.copy_(torch.where(seen, moved, self.table))
        self.missed[seen] = 1.0


def train(model, rows, updates):
    """Weights after some updates, and the average EMA would keep. The model is left alone."""
    plan, task = model.plan.train, model.task
    net = copy.deepcopy(model.net.native).train()
    net.set_attn_implementation("eager")
    examples = rows.examples()
    labels = labels_of(model, rows)
    packs, lengths = model.packs, model.encode(rows).lengths
    order = row_order(lengths, plan, bucketed=not packs)
    named = dict(net.named_parameters())
    if "freeze" in plan.strategies:
        layers = plan.strategies["freeze"].get("layers", 0)
        for name, p in named.items():
            p.requires_grad_(depth(name) > layers)
        named = {name: p for name, p in named.items() if p.requires_grad}
    table, apart = net.get_input_embeddings().weight, None
    if plan.optimizer["adamw"].get("lazy_embeddings") and table.requires_grad:
        apart = PlainLazy(table)
        named = {name: p for name, p in named.items() if p is not table}
    kinds = [
        {"params": [p], "weight_decay": plan.weight_decay if p.ndim > 1 else 0.0, "name": name}
        for name, p in named.items()
    ]
    # A large eps: keys have a bias without any gradient, whose rounding noise Adam would blow up.
    optimizer = torch.optim.AdamW(kinds, lr=1.0, eps=EPS, foreach=False)
    total = int(plan.epochs * len(examples) / plan.batch_size + 0.999999)
    average, read = {}, []
    if "contrast" in plan.strategies:
        net.classifier.register_forward_pre_hook(lambda _layer, inputs: read.append(inputs[0]))
    for step in range(updates):
        picked = np.array(order[step * plan.batch_size : (step + 1) * plan.batch_size])
        texts = task.texts(task.read([examples[i] for i in picked]))
        batch = dict(model.tokenizer(*texts, padding=True, truncation=True, return_tensors="pt"))
        wanted, mask = picked_of(labels, picked), batch["attention_mask"]
        ids = batch.pop("input_ids")
        words = net.get_input_embeddings()(ids)
        loss = plain_loss(task, net(inputs_embeds=words, **batch), wanted, mask)
        if "fgm" in plan.strategies:
            (gradient,) = torch.autograd.grad(loss, words, retain_graph=True)
            length = gradient.flatten(1).norm(dim=1)[:, None, None]
            push = plan.strategies["fgm"].get("epsilon", 1.0) * gradient / length
            pushed = net(inputs_embeds=words + push, **batch)
            loss = loss + plain_loss(task, pushed, wanted, mask)
        if chosen := plan.strategies.get("contrast"):
            apart_from = plain_contrast(read.pop(), wanted, chosen["temperature"])
            loss = (1 - chosen["weight"]) * loss + chosen["weight"] * apart_from
        net.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), plan.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = rate(group["name"], (step + 0.5) / total, plan)
        optimizer.step()
        if apart:
            now = rate("embeddings", (step + 0.5) / total, plan)
            apart.step(set(ids.flatten().tolist()) - {0}, now, plan.weight_decay)
        decay = min(plan.strategies.get("ema", {}).get("decay", 0.999), (step + 1) / (step + 10))
        for name, p in net.named_parameters():
            now = p.detach().clone()
            average[name] = now if step == 0 else average[name] * decay + now * (1 - decay)
    return {n: p.detach() for n, p in net.named_parameters()}, average
