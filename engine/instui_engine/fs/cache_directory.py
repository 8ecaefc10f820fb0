"""The default location of the cache."""

from pathlib import Path


def default_cache() -> Path:
    """The directory for this program's cache on this system, below the user's home directory."""
    from platformdirs import user_cache_path

    return user_cache_path("instui")
