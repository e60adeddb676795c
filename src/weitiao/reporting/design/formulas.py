"""Formulas of loss, optimizer and schedule in LaTeX, general and with the user's own numbers.

Numbers are written with DIGITS significant digits; texts of the user's never stand in a formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from weitiao.reporting.design.facts import GradientFact, LabelFact, WorkedRow

DIGITS = 4
WRITTEN_OUT = 4  # terms of a sum; of more, the first and the last are shown


def tex(value: float) -> str:
    """A number in LaTeX.

    >>> tex(0.00002), tex(-0.69314), tex(3.0)
    ('2\\\\cdot 10^{-5}', '-0.6931', '3')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else r"\infty"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    power = math.floor(math.log10(abs(value)))
    if -4 < power < 6:
        return f"{value:.{DIGITS}g}" if power < DIGITS else f"{value:.0f}"
    mantissa = f"{value / 10.0**power:.{DIGITS}g}"
    sign, mantissa = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    front = "" if mantissa == "1" else rf"{mantissa}\cdot "
    return f"{sign}{front}10^{{{power}}}"


def bracketed(value: float) -> str:
    """A number as a factor or summand: negative ones in parentheses."""
    return rf"\left({tex(value)}\right)" if value < 0 else tex(value)


# --- loss

CROSS_ENTROPY = r"L=-\ln p_{y},\quad p_{k}=\frac{e^{z_{k}}}{\sum_{j=1}^{K}e^{z_{j}}}"
SMOOTHED = (
    r"L=-\left(1-\varepsilon\right)\ln p_{y}-\frac{\varepsilon}{K}\sum_{k=1}^{K}\ln p_{k},"
    r"\quad p_{k}=\frac{e^{z_{k}}}{\sum_{j=1}^{K}e^{z_{j}}}"
)
SHARED = r"L=-\sum_{k=1}^{K}q_{k}\ln p_{k},\quad p_{k}=\frac{e^{z_{k}}}{\sum_{j=1}^{K}e^{z_{j}}}"
WEIGHTED = r"\bar{L}=\frac{\sum_{i}w_{y_{i}}L_{i}}{\sum_{i}w_{y_{i}}}"
BINARY = (
    r"L=-\frac{1}{K}\sum_{k=1}^{K}\left(y_{k}\ln\sigma\left(z_{k}\right)+"
    r"\left(1-y_{k}\right)\ln\left(1-\sigma\left(z_{k}\right)\right)\right),"
    r"\quad\sigma\left(z\right)=\frac{1}{1+e^{-z}}"
)
SQUARED = r"L=\left(z-y\right)^{2}"
SPAN = r"L=-\frac{1}{2}\left(\ln p^{\mathrm{s}}_{a}+\ln p^{\mathrm{e}}_{b}\right)"
CONTRASTIVE = r"L=-\ln\frac{e^{c_{1}/T}}{\sum_{j=1}^{B}e^{c_{j}/T}}"


def general_loss(row: WorkedRow) -> str:
    """The formula of the loss; empty where it has none that is known here."""
    if row.kind == "cross_entropy":
        if row.smoothing:
            return SMOOTHED
        return SHARED if _is_shared(row) else CROSS_ENTROPY
    formulas = {
        "binary": BINARY,
        "squared": SQUARED,
        "span": SPAN,
        "contrastive": CONTRASTIVE,
    }
    return formulas.get(row.kind, "")


def worked_loss(row: WorkedRow) -> str:
    """The same with the numbers of the row."""
    worked: dict[str, Callable[[WorkedRow], str]] = {
        "cross_entropy": _cross_entropy,
        "binary": _binary,
        "squared": lambda one: (
            rf"L=\left({tex(one.outputs[0].logit)}-{bracketed(one.outputs[0].share)}\right)^{{2}}"
            rf"={tex(one.loss)}"
        ),
        "span": _span,
        "contrastive": _contrastive,
    }
    return worked[row.kind](row) if row.kind in worked else ""


def true_output(row: WorkedRow) -> LabelFact:
    """The output of the row's own label."""
    return max(row.outputs, key=lambda one: one.share)


def log_probability(row: WorkedRow, one: LabelFact) -> float:
    """ln p of an output."""
    scale = row.temperature if row.kind == "contrastive" else 1.0
    return one.logit / scale - row.log_sum


def _is_shared(row: WorkedRow) -> bool:
    return not any(one.share == 1 for one in row.outputs)


def _cross_entropy(row: WorkedRow) -> str:
    true = true_output(row)
    log_p = log_probability(row, true)
    if row.smoothing:
        return (
            rf"L=-\left(1-{tex(row.smoothing)}\right)\cdot{bracketed(log_p)}"
            rf"-{tex(row.smoothing)}\cdot{bracketed(row.mean_log)}={tex(row.loss)}"
        )
    if _is_shared(row):
        terms = [
            rf"{tex(one.share)}\cdot{bracketed(log_probability(row, one))}"
            for one in row.outputs
            if one.share
        ]
        return rf"L=-\left({'+'.join(terms)}\right)={tex(row.loss)}"
    below = _sum([rf"e^{{{tex(one.logit)}}}" for one in row.outputs], row.count)
    return (
        rf"L=-\ln\frac{{e^{{{tex(true.logit)}}}}}{{{below}}}"
        rf"=-\ln\left({tex(math.exp(log_p))}\right)={tex(row.loss)}"
    )


def _sum(terms: Sequence[str], count: int) -> str:
    if count == len(terms) and count <= WRITTEN_OUT:
        return "+".join(terms)
    return rf"{terms[0]}+\cdots+{terms[-1]}"


def _binary(row: WorkedRow) -> str:
    terms = []
    for one in row.outputs:
        inner = rf"\sigma\left({tex(one.logit)}\right)"
        terms.append(rf"\ln {inner}" if one.share else rf"\ln\left(1-{inner}\right)")
    return rf"L=-\frac{{1}}{{{row.count}}}\left({_sum(terms, row.count)}\right)={tex(row.loss)}"


def _span(row: WorkedRow) -> str:
    parts = [rf"\ln\left({tex(math.exp(one.logit - one.share))}\right)" for one in row.outputs]
    return rf"L=-\frac{{1}}{{2}}\left({'+'.join(parts)}\right)={tex(row.loss)}"


def _contrastive(row: WorkedRow) -> str:
    scale = tex(row.temperature)
    terms = [rf"e^{{{tex(one.logit)}/{scale}}}" for one in row.outputs]
    below = _sum(terms, len(row.outputs))
    return rf"L=-\ln\frac{{{terms[0]}}}{{{below}}}={tex(row.loss)}"


# --- optimizer

MOMENTS = (
    r"m_{t}=\beta_{1}m_{t-1}+\left(1-\beta_{1}\right)g_{t},\quad "
    r"v_{t}=\beta_{2}v_{t-1}+\left(1-\beta_{2}\right)g_{t}^{2}"
)
ADAMW = (
    r"\theta_{t}=\theta_{t-1}-\eta_{t}\left(\frac{\hat{m}_{t}}{\sqrt{\hat{v}_{t}}+\epsilon}"
    r"+\lambda\theta_{t-1}\right),\quad \hat{m}_{t}=\frac{m_{t}}{1-\beta_{1}^{t}},\quad "
    r"\hat{v}_{t}=\frac{v_{t}}{1-\beta_{2}^{t}}"
)
ADAM = (
    r"\theta_{t}=\theta_{t-1}-\eta_{t}\frac{\hat{m}_{t}}{\sqrt{\hat{v}_{t}}+\epsilon},\quad "
    r"g_{t}\leftarrow g_{t}+\lambda\theta_{t-1}"
)
SGD = r"u_{t}=\mu u_{t-1}+g_{t}+\lambda\theta_{t-1},\quad \theta_{t}=\theta_{t-1}-\eta_{t}u_{t}"
CLIPPED = r"g\leftarrow g\cdot\min\left(1,\frac{c}{\left\|g\right\|}\right)"


def first_moments(one: GradientFact, betas: Sequence[float]) -> str:
    """The moments after the first step, and what their correction makes of them."""
    g, first, second = bracketed(one.gradient), *betas
    m, v = (1 - first) * one.gradient, (1 - second) * one.gradient**2
    return (
        rf"m_{{1}}=\left(1-{tex(first)}\right)\cdot{g}={tex(m)},\quad "
        rf"v_{{1}}=\left(1-{tex(second)}\right)\cdot{g}^{{2}}={tex(v)},\quad "
        rf"\hat{{m}}_{{1}}={tex(one.gradient)},\quad \hat{{v}}_{{1}}={tex(one.gradient**2)}"
    )


def first_step(one: GradientFact, rate: float, eps: float, stepped: float) -> str:
    """AdamW's first step of one weight."""
    below = rf"\sqrt{{{tex(one.gradient**2)}}}+{tex(eps)}"
    decay = rf"{tex(one.decay)}\cdot{bracketed(one.value)}"
    # Six digits: the step is far smaller than the weight.
    return (
        rf"\theta_{{1}}={one.value:.6g}-{tex(rate)}\cdot\left(\frac{{{tex(one.gradient)}}}"
        rf"{{{below}}}+{decay}\right)={stepped:.6g}"
    )


# --- schedule

WARM = r"\eta_{t}=\eta\cdot\frac{s}{w}\;\left(s<w\right),\quad s=\frac{t-0.5}{S}"
RATES = {
    "constant": r"\eta_{t}=\eta\;\left(s\ge w\right)",
    "linear": r"\eta_{t}=\eta\frac{1-s}{1-w}\;\left(s\ge w\right)",
    "cosine": (
        r"\eta_{t}=\frac{\eta}{2}\left(1+\cos\left(\pi\frac{s-w}{1-w}\right)\right)"
        r"\;\left(s\ge w\right)"
    ),
}
FLOORED = {
    "linear": (r"\eta_{t}=\eta\left(f+\left(1-f\right)\frac{1-s}{1-w}\right)\;\left(s\ge w\right)"),
    "cosine": (
        r"\eta_{t}=\eta\left(f+\frac{1-f}{2}\left(1+\cos\left(\pi\frac{s-w}{1-w}\right)\right)"
        r"\right)\;\left(s\ge w\right)"
    ),
}
STEPS = r"S=\left\lceil\frac{E\cdot N}{B}\right\rceil"


def worked_steps(epochs: float, rows: int, batch: int, steps: int) -> str:
    """The number of optimizer steps."""
    return rf"S=\left\lceil\frac{{{tex(epochs)}\cdot {rows}}}{{{batch}}}\right\rceil={steps}"


def worked_rate(rate: float, warmup: float, steps: int, step: int, value: float) -> str:
    """The learning rate of a step of the warm-up."""
    progress = rf"\left({step}-0.5\right)/{steps}"
    return rf"\eta_{{{step}}}={tex(rate)}\cdot\frac{{{progress}}}{{{tex(warmup)}}}={tex(value)}"


# --- strategies

STRATEGIES = {
    "fgm": r"r=\epsilon\frac{g}{\left\|g\right\|},\quad L'=L\left(x\right)+L\left(x+r\right)",
    "ema": r"\bar{\theta}_{t}=\beta\bar{\theta}_{t-1}+\left(1-\beta\right)\theta_{t}",
    "rdrop": (
        r"L'=\frac{L_{1}+L_{2}}{2}+\alpha\cdot\frac{D\left(p_{1}\|p_{2}\right)+"
        r"D\left(p_{2}\|p_{1}\right)}{2}"
    ),
    "contrast": (
        r"L'=\left(1-w\right)L-\frac{w}{B}\sum_{i}\frac{1}{\left|P_{i}\right|}\sum_{p\in P_{i}}"
        r"\log\frac{e^{\cos\left(h_{i},h_{p}\right)/\tau}}"
        r"{\sum_{a\neq i}e^{\cos\left(h_{i},h_{a}\right)/\tau}}"
    ),
    "layer_decay": r"\eta_{l}=\eta\cdot d^{\,n-l}",
}
