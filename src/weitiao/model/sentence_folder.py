"""What sentence-transformers reads beside a plain network: pooling, normalization, prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

POOLING, NORMALIZE = "1_Pooling", "2_Normalize"
_MODES = {
    "mean": "pooling_mode_mean_tokens",
    "first": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "last": "pooling_mode_lasttoken",
}


def write(folder: Path, width: int, pooling: str, prompts: Mapping[str, str], longest: int) -> None:
    """Write modules.json and what it names into a folder that `AutoModel` reads.

    prompts: name -> prefix, e.g. {"query": "query: "}. pooling: mean, first, max or last. longest:
    tokens of a text.
    """
    package = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{package}.Transformer"},
        {"idx": 1, "name": "1", "path": POOLING, "type": f"{package}.Pooling"},
        {"idx": 2, "name": "2", "path": NORMALIZE, "type": f"{package}.Normalize"},
    ]
    modes = {mode: name == pooling for name, mode in _MODES.items()}
    files: dict[str, Any] = {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": longest, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": dict(prompts),
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
        f"{POOLING}/config.json": {"word_embedding_dimension": width, **modes},
    }
    (folder / NORMALIZE).mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
