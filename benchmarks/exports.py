"""The engines beside weitiao that answer for a checkpoint: torch, ONNX Runtime, OpenVINO.

Each function gives `run(inputs)`: numpy arrays (rows, tokens) in, logits (rows, labels) out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
WHOLE, SMALL = "model.onnx", "model-int8.onnx"

Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]


def make(folder: Path) -> None:
    """The ONNX files of a checkpoint, beside its weights: fp32, and int8 by dynamic quantising."""
    if (folder / SMALL).exists() or not (find_spec("onnx") and find_spec("onnxruntime")):
        return
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    network = _network(folder)
    names = [name for name in INPUTS if name in signature(network.forward).parameters]
    rows = torch.ones(2, 16, dtype=torch.int64)
    inputs = dict.fromkeys(names, rows)
    if "token_type_ids" in inputs:
        inputs["token_type_ids"] = torch.zeros_like(rows)
    axes = {name: {0: "rows", 1: "tokens"} for name in names}
    part = folder / f"part-{WHOLE}"
    torch.onnx.export(
        network,
        tuple(inputs.values()),
        str(part),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={**axes, "logits": {0: "rows"}},
        opset_version=18,
        dynamo=False,
    )
    small = folder / f"part-{SMALL}"
    quantize_dynamic(str(part), str(small), weight_type=QuantType.QInt8)
    part.rename(folder / WHOLE)
    small.rename(folder / SMALL)


def torch_fp32(folder: Path, threads: int) -> Run:
    """transformers in fp32."""
    return _by_torch(folder, bf16=False)


def torch_bf16(folder: Path, threads: int) -> Run:
    """transformers with its weights in bf16."""
    return _by_torch(folder, bf16=True)


def onnx_fp32(folder: Path, threads: int) -> Run:
    """ONNX Runtime in fp32."""
    return _by_onnx(folder / WHOLE, threads)


def onnx_int8(folder: Path, threads: int) -> Run:
    """ONNX Runtime with weights and activations in int8."""
    return _by_onnx(folder / SMALL, threads)


def openvino_fp32(folder: Path, threads: int) -> Run:
    """OpenVINO in fp32."""
    return _by_openvino(folder / WHOLE, threads, "f32")


def openvino_bf16(folder: Path, threads: int) -> Run:
    """OpenVINO, asked to compute in bf16."""
    return _by_openvino(folder / WHOLE, threads, "bf16")


def _by_openvino(file: Path, threads: int, precision: str) -> Run:
    from openvino import Core

    asked = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = Core().compile_model(str(file), "CPU", asked)
    request = compiled.create_infer_request()

    def run(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.array(request.infer(dict(inputs))[compiled.output(0)])

    return run


def _by_torch(folder: Path, bf16: bool) -> Run:
    import torch

    network = _network(folder)
    network = network.to(torch.bfloat16) if bf16 else network

    @torch.inference_mode()
    def run(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        tensors = {key: torch.from_numpy(value) for key, value in inputs.items()}
        return network(**tensors).logits.float().numpy()

    return run


def _by_onnx(file: Path, threads: int) -> Run:
    from onnxruntime import InferenceSession, SessionOptions

    settings = SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    session = InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return session.run(None, dict(inputs))[0]

    return run


def _network(folder: Path) -> Any:
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(folder).eval()
