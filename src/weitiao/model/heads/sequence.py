"""Heads for whole texts: a pooled vector of each row, then the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from pydantic import Field

from weitiao.model.heads.base import Head, Pooling, Shape, resolve_pooling
from weitiao.tasks.base import HeadKind

if TYPE_CHECKING:
    from torch import nn

    from weitiao.model.head_layers import Pool

NORM_EPS = 1e-12  # of the LayerNorm of `mean`, as in BERT


class Native(Head):
    """transformers' own head of the family. The saved folder is plain: transformers alone can load
    it.

    When to use: always, unless another one is better in validation.
    """

    task_heads: ClassVar[tuple[HeadKind, ...]] = get_args(HeadKind)

    def module(self, shape: Shape) -> nn.Module:
        raise AssertionError("transformers builds it together with the network")


class _PoolingHead(Head):
    """What the heads for whole texts share."""

    pooling: Pooling = Field(
        "auto", description="which tokens; auto: the last of decoders and XLNet, else the mean"
    )

    def _pool(self, shape: Shape) -> Pool:
        from weitiao.model.head_layers import Pool

        return Pool(resolve_pooling(self.pooling, shape), shape.width)


class Pooled(_PoolingHead):
    """Pooling and a linear layer: of the first or last token, the mean, the maximum, or a mean with
    attention weights.

    When to use: `mean` for checkpoints trained for sentence vectors (MiniLM, E5, MPNet), whose
    first token was never meant to stand for the text.
    """

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.head_layers import PooledHead, linear

        pool = self._pool(shape)
        out = linear(shape.width, shape.outputs, shape.initializer_range)
        return PooledHead(pool, out, nn.Dropout(shape.dropout))


class Mean(Head):
    """Linear layer on the normalized mean of all tokens. In families of BERT's layout the saved
    folder is plain: transformers alone can load it, with one more encoder layer that takes the
    mean.

    When to use: few rows, and checkpoints trained for sentence vectors (MiniLM, E5).
    """

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.head_layers import Pool, PooledHead, linear

        out = linear(shape.width, shape.outputs, shape.initializer_range)
        norm = nn.LayerNorm(shape.width, eps=NORM_EPS, elementwise_affine=False)
        inner = nn.Sequential(norm, nn.Dropout(shape.dropout))
        return PooledHead(Pool("mean", shape.width), out, inner)


class MultiLayer(_PoolingHead):
    """Multi-layer perceptron (MLP): hidden layers, each with an activation and dropout, before the
    output layer.

    When to use: many rows and labels that no straight line parts; few rows are better off with
    one layer.
    """

    depth: int = Field(1, ge=1, le=8, description="hidden layers")
    width: int = Field(0, ge=0, le=65_536, description="of hidden layers; 0: as the network's")
    activation: Literal["tanh", "gelu", "relu"] = Field("tanh", description="after hidden layers")

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.head_layers import PooledHead, linear

        activation = {"tanh": nn.Tanh, "gelu": nn.GELU, "relu": nn.ReLU}[self.activation]
        hidden: list[nn.Module] = [nn.Dropout(shape.dropout)]
        inputs, width = shape.width, self.width or shape.width
        for _ in range(self.depth):
            layer = linear(inputs, width, shape.initializer_range)
            hidden += [layer, activation(), nn.Dropout(shape.dropout)]
            inputs = width
        pool = self._pool(shape)
        out = linear(inputs, shape.outputs, shape.initializer_range)
        return PooledHead(pool, out, nn.Sequential(*hidden))


class MultiSampleDropout(_PoolingHead):
    """Multi-sample dropout: the mean of a linear layer over several dropout masks (Inoue 2019);
    nearly free, since the network below runs once.

    When to use: few rows, where the score depends on the seed.
    """

    samples: int = Field(5, ge=2, le=64, description="masks that are averaged")
    dropout: float = Field(0.3, gt=0, lt=1, description="of each mask")

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.head_layers import MultiSampleLinear, PooledHead

        pool = self._pool(shape)
        out = MultiSampleLinear(shape.width, shape.outputs, self.samples, self.dropout)
        nn.init.normal_(out.linear.weight, std=shape.initializer_range)
        nn.init.zeros_(out.linear.bias)
        return PooledHead(pool, out)


class WeightedLayers(_PoolingHead):
    """A scalar mix of the embeddings and all layers (Peters et al. 2018), pooled, then one linear
    layer. It needs every layer, so own kernels do not run it.

    When to use: frozen or few trained layers, or questions of wording that upper layers forget.
    """

    every_layer: ClassVar[bool] = True

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.head_layers import PooledHead, ScalarMix, linear

        pool = self._pool(shape)
        out = linear(shape.width, shape.outputs, shape.initializer_range)
        return PooledHead(pool, out, nn.Dropout(shape.dropout), ScalarMix(shape.layers))


class Cosine(_PoolingHead):
    """Cosine similarity of the vectors of two texts, and a line through it: cosines of some
    networks are all between 0.7 and 1. Only for the task `similarity` with `way: cosine`, which
    selects it.

    When to use: to choose how the vectors are pooled.
    """

    def module(self, shape: Shape) -> nn.Module:
        from weitiao.model.head_layers import CosineSimilarity, PooledHead, identity

        return PooledHead(self._pool(shape), identity(), CosineSimilarity())


class Embedding(_PoolingHead):
    """The vector of a text, of length 1; the head itself has no weights. Only for the task
    `retrieval`, which selects it.

    When to use: to choose how the vectors are pooled.
    """

    def module(self, shape: Shape) -> nn.Module:
        from weitiao.model.head_layers import PooledHead, UnitVectors

        return PooledHead(self._pool(shape), UnitVectors())
