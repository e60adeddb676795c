"""Retrieval: vectors of questions and passages, near each other where one answers the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.core.batch_layout import Layout, filled, tensor
from weitiao.core.ragged import Ragged
from weitiao.data.infer.column_names import by_plain_name
from weitiao.data.infer.pairs import text_and_target
from weitiao.data.infer.roles import Guess
from weitiao.example import Batch, Example, Prediction
from weitiao.i18n.messages import _
from weitiao.tasks.answers.ranks import Ranks
from weitiao.tasks.texts.targets import TextTargets

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.cache.encoded import Encoded
    from weitiao.data.infer.roles import Evidence

PART = "part"  # which of the two texts a token belongs to
QUESTION, PASSAGE = 0, 1
RANKED = 3  # columns of ranks that are known already: rank, place of the first, its score
CHUNK = 256  # questions whose similarities are in memory at once
PAIRS = (
    ("question", "passage"),
    ("query", "passage"),
    ("query", "document"),
    ("query", "positive"),
    ("anchor", "positive"),
    ("question", "context"),
    ("问题", "段落"),
    ("问题", "文章"),
    ("查询", "段落"),
    ("查询", "文档"),
)


class Retrieval(TextTargets):
    """A bi-encoder: the vectors of a question and of the passage that answers it are near each
    other (Karpukhin et al. 2020). Rows are questions with their passages.

    Other passages of the batch are wrong ones (see the loss `contrastive`), and with
    `hard_negatives` one of the nearest wrong passages of all rows stands beside each. Metrics rank
    the passages of the evaluated rows. Saved so that sentence-transformers loads the folder.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        "ndcg",
        "mrr",
        "recall_at1",
        "recall_at5",
        "recall_at20",
    )
    losses: ClassVar[tuple[str, ...]] = ("contrastive",)
    answers: ClassVar[type[Ranks]] = Ranks
    pipeline_tag: ClassVar[str] = "sentence-similarity"

    query_prefix: str = Field("", description="put before questions, e.g. `query: ` of E5")
    passage_prefix: str = Field("", description="put before passages, e.g. `passage: ` of E5")
    hard_negatives: bool = Field(
        True, description="the nearest wrong passage of all rows stands beside each question"
    )
    width: int = Field(0, ge=0, description="set by the checkpoint: numbers of a vector")

    @property
    def outputs(self) -> int:
        """Both vectors of a row, one after the other."""
        return 2 * self.width

    @property
    def own_head(self) -> str:
        return "embedding"

    @property
    def contrasts(self) -> bool:
        return True

    @property
    def encoding(self) -> str:
        return f"{type(self).__name__} {self.query_prefix!r} {self.passage_prefix!r}"

    @classmethod
    def guess_roles(cls, evidence: Evidence, named: bool) -> Guess | None:
        """A question and a passage, where the user has named this task."""
        if not named:
            return None
        if evidence.roles:
            return text_and_target(evidence)
        columns = by_plain_name(evidence.columns)
        pair = next((pair for pair in PAIRS if all(name in columns for name in pair)), None)
        if pair is None:
            return text_and_target(evidence)
        roles: dict[str, Any] = {"text": columns[pair[0]], "target": columns[pair[1]]}
        return Guess(roles, dict.fromkeys(roles, _("its name")))

    def for_network(self, config: Any) -> Self:
        return self.model_copy(update={"width": int(config.hidden_size)})

    def gold(self, rows: Any) -> Any:
        """(question, passage) of each row: a question may have several right passages."""
        pairs = [
            (str(example.inputs["text"]), example.target or "")
            for examples in rows.batches()
            for example in examples
        ]
        gold = np.empty(len(pairs), object)
        gold[:] = pairs
        return gold

    def labels_for(self, encoded: Encoded, gold: Any) -> np.ndarray:
        """(rows, 5): the numbers of each row's passage and question (equal texts have equal
        numbers); then of its hard negative the row, its passage and its question, -1 for none."""
        passages: dict[str, int] = {}
        questions: dict[str, int] = {}
        own = [
            (passages.setdefault(passage, len(passages)),
             questions.setdefault(question, len(questions)))
            for question, passage in gold
        ]  # fmt: skip
        both = np.array(own, np.int64).reshape(-1, 2)
        return np.column_stack([both, np.full((len(both), 3), -1, np.int64)])

    # --- tokens

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[list[int]]]:
        """Question and passage apart, end to end in a row, told apart by `PART`."""
        texts = (
            [self.query_prefix + str(one.inputs["text"]) for one in examples],
            [self.passage_prefix + str(one.target or "") for one in examples],
        )
        each = []
        for part in texts:
            encoded = tokenizer(
                part, truncation=True, max_length=max_length, return_attention_mask=False
            )
            each.append(filled({name: list(v) for name, v in encoded.items()}, tokenizer))
        first, second = each
        joined = {
            name: [[*a, *b] for a, b in zip(first[name], second[name], strict=True)]
            for name in first
        }
        lengths = zip(first["input_ids"], second["input_ids"], strict=True)
        joined[PART] = [[QUESTION] * len(a) + [PASSAGE] * len(b) for a, b in lengths]
        return joined

    def further(self, labels: Any) -> np.ndarray:
        """Rows whose passages are hard negatives of a batch."""
        if labels is None or not len(labels):
            return np.zeros(0, np.int64)
        return np.asarray(labels[:, 2][labels[:, 2] >= 0])

    def collate(
        self,
        rows: Mapping[str, Sequence[np.ndarray]],
        labels: np.ndarray | Ragged | None,
        layout: Layout,
    ) -> Batch:
        """Questions and passages in turns, then the passages of further rows, each a row of its
        own. labels: of the rows that are questions; the further ones stand behind them."""
        parts = [np.asarray(part) for part in rows[PART]]
        count = len(parts) - (0 if labels is None else len(self.further(labels)))
        order = [(row, kind) for row in range(count) for kind in (QUESTION, PASSAGE)]
        order += [(row, PASSAGE) for row in range(count, len(parts))]
        halves = {
            name: [values[row][parts[row] == kind] for row, kind in order]
            for name, values in rows.items()
            if name != PART
        }
        batch = super().collate(halves, None, layout)
        return batch if labels is None else replace(batch, labels=tensor(np.asarray(labels)))

    # --- answers

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """The squared distance of the vectors."""
        return (first - second).pow(2).sum()  # vectors of all passages: no weights of rows

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        """The vector of each question, as a list of numbers."""
        return [Prediction(row[: self.width].tolist()) for row in np.asarray(scores)]

    def written(self, value: Any) -> Any:
        import json

        return json.dumps([round(float(one), 6) for one in value])

    def to_answers(self, gold: Any, scores: Any) -> Ranks:
        """Ranks among the passages of these rows. scores: vectors of questions and passages, (n,
        2 * width), or ranks that a baseline knows already, (n, RANKED)."""
        passages = [passage for _question, passage in gold]
        if scores.shape[1] == RANKED:
            ranks, best, first = scores[:, 0], scores[:, 1].astype(int), scores[:, 2]
        else:
            questions, vectors = scores[:, : self.width], scores[:, self.width :]
            ranks, best, first = ranked(gold, lambda part: questions[part] @ vectors.T)
        values, targets = (np.empty(len(gold), object) for _ in range(2))
        targets[:] = passages
        values[:] = [passages[at] for at in best]
        return Ranks(targets, values, first, counts=np.asarray(ranks, float)[:, None])


def ranked(gold: Any, similar: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rank of each row's passage among the different passages of all rows, the row of the one
    ranked first, and its similarity.

    similar(part): similarities of the questions `part` (a slice) to the passages of all rows. Other
    right passages of the same question are left out; of equal similarities half count as before.
    """
    first_of: dict[str, int] = {}
    for row, (_question, passage) in enumerate(gold):
        first_of.setdefault(passage, row)
    places = np.array(list(first_of.values()))
    number = {passage: at for at, passage in enumerate(first_of)}
    right: dict[str, set[int]] = {}
    for question, passage in gold:
        right.setdefault(question, set()).add(number[passage])
    ranks, best, first = (np.zeros(len(gold)) for _ in range(3))
    for start in range(0, len(gold), CHUNK):
        part = slice(start, min(start + CHUNK, len(gold)))
        table = np.asarray(similar(part), float)[:, places]
        for at, row in enumerate(range(part.start, part.stop)):
            question, passage = gold[row]
            own, values = number[passage], table[at].copy()
            values[list(right[question] - {own})] = -np.inf
            value = values[own]
            before, equal = (values > value).sum(), (values == value).sum() - 1
            ranks[row] = 1 + before + equal / 2
            top = int(values.argmax())
            best[row], first[row] = places[top], values[top]
    return ranks, best.astype(int), first
