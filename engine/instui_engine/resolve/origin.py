"""Where an installed distribution came from: direct_url.json ("Recording the Direct URL Origin", PEP 610).

uv records no hash of a wheel file, but in uv_cache.json beside it when that was last changed. Nothing of the kind is
written here for a wheel file: it would make two environments differ that were made from the same content.
"""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from instui_engine.fs.files import PIECE, open_regular, read_regular
from instui_engine.hashes import Demands, Digests, sha256_in, unmet
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution

from .cache_info import CACHE_INFO, cache_info
from .source import Source

_PLAIN = "!$&'()*+,-./:;=@[]_|~"  # of a path in a URL, as uv writes it; letters and digits aside
_SSH = ("ssh", "git+ssh")


def origin_of(url: str, path: str) -> str:
    """The URL to record for a wheel that was named by `url` or `path`: without credentials and fragment."""
    return _bare(url) if url else f"file://{quote(path, safe=_PLAIN)}"


def _bare(url: str) -> str:
    """`url` without credentials and fragment. What stands behind a `?` is needed to get the file again.

    So is the user `git` of ssh, which is no secret (PEP 610): without it, ssh takes the name of whoever runs it.
    """
    scheme, mark, rest = url.partition("#")[0].partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    if scheme.lower() in _SSH and authority.rpartition("@")[0] == "git":
        return f"{scheme}{mark}{rest}"
    return f"{scheme}{mark}{rest[authority.rfind('@') + 1 :]}"


def direct_url(origin: str, sha256: str) -> bytes:
    """The content of direct_url.json for a wheel."""
    info = {"hash": f"sha256={sha256}", "hashes": {"sha256": sha256}}
    return json.dumps({"archive_info": info, "url": origin}, sort_keys=True).encode()


def source_url(source: Source, origin: str) -> bytes:
    """The content of direct_url.json for what was built from `source`, at `origin`."""
    content: dict[str, Any] = {"url": origin}
    match source.kind:
        case "tree":
            content["dir_info"] = {} if source.editable is None else {"editable": source.editable}
        case "git":
            revision = {"requested_revision": source.revision} if source.revision else {}
            content["vcs_info"] = {"vcs": "git", "commit_id": source.commit, **revision}
        case "archive":
            info = {"hash": f"sha256={source.sha256}", "hashes": {"sha256": source.sha256}}
            content["archive_info"] = info if source.sha256 else {}
    if source.subdirectory:
        content["subdirectory"] = source.subdirectory
    return json.dumps(content, sort_keys=True).encode()


def recorded_url(environment: Environment, distribution: Distribution) -> tuple[str, str]:
    """URL and subdirectory from which a distribution was installed; "" where that is not recorded."""
    try:
        found = json.loads(read_regular(environment.top / distribution.info / "direct_url.json"))
        return str(found["url"]), str(found.get("subdirectory") or "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return "", ""


def is_commit_of(environment: Environment, distribution: Distribution, origin: str, source: Source) -> bool:
    """Whether the distribution was built from that commit, of the repository at `origin`."""
    try:
        found = json.loads(read_regular(environment.top / distribution.info / "direct_url.json"))
        is_same = _bare(found["url"]) == origin and str(found.get("subdirectory") or "") == source.subdirectory
        return is_same and found["vcs_info"]["commit_id"] == source.commit
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def is_of_tree(environment: Environment, distribution: Distribution, source: Source) -> bool:
    """Whether the distribution was built from that tree, and is editable if that is."""
    try:
        found = json.loads(read_regular(environment.top / distribution.info / "direct_url.json"))
        is_same = str(found.get("subdirectory") or "") == source.subdirectory
        is_same = is_same and bool(found["dir_info"].get("editable")) == bool(source.editable)
        return is_same and _is_same_place(found["url"], "", source.path)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def recorded_sha256(archive: Mapping[str, Any]) -> str:
    """The sha256 in the `archive_info` of a direct_url.json, in hex; "" if there is none."""
    hashes, single = archive.get("hashes"), archive.get("hash")
    found = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not found and isinstance(single, str) and single.startswith("sha256="):
        found = single.removeprefix("sha256=")
    return found if isinstance(found, str) else ""


def came_from(environment: Environment, distribution: Distribution, url: str, path: str, demands: Demands) -> bool:
    """Whether the distribution was installed from that very file: the same place, the same content, as demanded.

    What lies at `path` may have been built again since, so it is hashed. Of a `url` only what `demands` say is known.
    """
    info = environment.top / distribution.info
    try:
        found = json.loads(read_regular(info / "direct_url.json"))
        if not _is_same_place(found["url"], url, path):
            return False
        sha256 = recorded_sha256(found["archive_info"])
        if url:
            wanted = sha256_in(demands)
            return sha256 == wanted if wanted else not demands
        if not sha256:
            now = cache_info(os.stat(path).st_ctime_ns)
            return not demands and read_regular(info / CACHE_INFO) == now.encode()
        digests = _digests(path, demands)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False  # if it is the file that cannot be read, installing it will report that
    return digests.sha256 == sha256 and unmet(demands, digests.all()) is None


def _is_same_place(recorded: str, url: str, path: str) -> bool:
    """Whether a recorded URL is `url`, or leads to `path`, however that is spelled."""
    if url:
        return _bare(recorded) == _bare(url)
    parts = urlsplit(recorded)
    there = unquote(parts.path)
    return parts.scheme == "file" and (there == path or os.path.realpath(there) == os.path.realpath(path))


def _digests(path: str, demands: Demands) -> Digests:
    digests = Digests(demands)
    with open(open_regular(path), "rb") as file:
        while piece := file.read(PIECE):
            digests.update(piece)
    return digests
