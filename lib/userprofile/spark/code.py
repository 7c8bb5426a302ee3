"""The package as one zip, for executors on machines that do not have it.

`python -m userprofile.spark.code` writes it and prints its path.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import userprofile

# Zip keeps no earlier time; one fixed time makes the same code the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def code_archive() -> Path:
    """A zip of the package and its data, in the cache folder, named by its content; made once for the same code."""
    package = Path(userprofile.__file__).parent
    if package.parent.is_file():  # running from such a zip already
        return package.parent
    content = _zipped(package)
    archive = cache_folder() / "code" / f"userprofile-{hashlib.sha256(content).hexdigest()[:16]}.zip"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(content)
        unfinished.replace(archive)
    return archive


def cache_folder() -> Path:
    """What can be made again, kept between runs: USERPROFILE_CACHE, or `userprofile` in the user's cache folder."""
    if chosen := os.environ.get("USERPROFILE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "userprofile"


def _zipped(package: Path) -> bytes:
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), _TIME)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


if __name__ == "__main__":
    print(code_archive())
