"""Raw behaviour events in, one trustworthy profile row per user out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from userprofile.pipelines.profiles import Profiles

__all__ = ["Profiles"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Spark is loaded by whoever asks for profiles, not by whoever imports a part."""
    if name != "Profiles":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from userprofile.pipelines.profiles import Profiles

    return Profiles
