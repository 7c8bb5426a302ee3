"""What all ranks must agree on: before the first step what they are about to do, and from then on their weights."""

from __future__ import annotations

import platform
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256

import keras
import numpy as np

from userprofile.errors import EnvironmentMismatchError, UserprofileError
from userprofile.feed.plan import Plan
from userprofile.training.collective import Collective
from userprofile.training.request import TrainingRequest
from userprofile.training.sharding import is_shard
from userprofile.versions import code_version, installed

# That of which another version computes something else, or speaks another protocol.
LIBRARIES = ("tensorflow", "keras", "horovod", "numpy", "pyarrow", "deltalake")


def require_same(collective: Collective, mine: Mapping[str, str]) -> None:
    """Raises EnvironmentMismatchError where something of a rank, by name, is not what rank 0 has; all ranks raise the
    same."""
    of_all = collective.gather_object(mine)
    for rank, of_rank in enumerate(of_all):
        for name, expected in of_all[0].items():
            if of_rank[name] != expected:
                raise EnvironmentMismatchError(
                    f"rank {rank} of the training has another {name} than rank 0",
                    expected=expected or "none",
                    received=of_rank[name] or "none",
                    fix="give all ranks one installation: make install on every machine, then the same command",
                )


def of_rank(request: TrainingRequest, model: keras.Model) -> dict[str, str]:
    """What must be the same before ranks can so much as exchange weights."""
    return {
        "Python": platform.python_version(),
        **{name: installed(name, f"{name}-cpu") for name in LIBRARIES},
        "code of userprofile": code_version(),
        "request": request.identity(),
        "number of parameters": str(model.count_params()),
    }


def weights_of(model: keras.Model) -> dict[str, str]:
    """One checksum of all weights."""
    return {"weights": f"{zlib.crc32(repr(checksums(model)).encode()):08x}"}


def require_same_weights(collective: Collective, model: keras.Model, *, epoch: int, step: int) -> None:
    """Raises UserprofileError where the weights of a rank are no longer those of rank 0, to the bit."""
    of_all = collective.gather_object(checksums(model))
    for rank, of_rank in enumerate(of_all):
        if moved := [name for name, value in of_all[0].items() if of_rank[name] != value]:
            raise UserprofileError(
                f"the weights of rank {rank} are no longer those of rank 0, after step {step:,} of epoch {epoch}",
                expected="the same checksum of every variable on every rank",
                received=f"{len(moved)} of {len(of_rank)} differ, the first is {moved[0]}",
                fix="look for a machine with other hardware or a faulty memory; the same command goes on from the last "
                "checkpoint",
            )


def checksums(model: keras.Model) -> dict[str, int]:
    """CRC-32 of each variable that is the same on all ranks, by its path."""
    alike = [variable for variable in model.weights if not is_shard(variable)]
    return {variable.path: zlib.crc32(np.ascontiguousarray(variable.numpy()).data) for variable in alike}


def digest(plan: Plan) -> str:
    """The same for the same plan, on any machine."""
    return sha256(repr(asdict(plan)).encode()).hexdigest()[:16]
