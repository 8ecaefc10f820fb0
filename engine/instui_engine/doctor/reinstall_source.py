"""Where to get an installed distribution again: the same version from an index, or the place that it came from."""

import os
from urllib.parse import unquote, urlsplit

from instui_engine.errors import printable
from instui_engine.resolve.inputs import redacted
from instui_engine.resolve.origin import recorded_sha256
from instui_engine.target.listing import Listing
from instui_engine.values import NamedTuple


class Source(NamedTuple):
    """A source. `argument` is what to ask `install` for. If it is "", `refusal` says what to do instead."""

    argument: str
    refusal: str = ""


def source(listing: Listing, local: bool = False) -> Source:
    """What to install so that the same version of `listing` is there again.

    A distribution that came from a place of its own (direct_url.json) is taken only from there, since an index may have
    somebody else's project under that name; from a server it must be the same file. With `local`, only the user's own
    places are searched, so the version is enough.
    """
    distribution = listing.distribution
    by_version = Source(f"{distribution.name}=={distribution.version}")
    url = listing.origin.get("url")
    if not isinstance(url, str):
        return by_version
    shown = printable(redacted(url))
    if listing.is_editable:
        return Source("", f"install it again from its source tree {shown}")
    archive = listing.origin.get("archive_info")
    if not isinstance(archive, dict) or not urlsplit(url).path.endswith(".whl"):
        return Source("", f"it was built from {shown}: build a wheel of that and install it")
    if urlsplit(url).scheme == "file":
        path = unquote(urlsplit(url).path)
        if os.path.isfile(path):
            return Source(path)
        return by_version if local else Source("", f"its wheel {printable(path)} is gone; install it from elsewhere")
    place = url.partition("#")[0].replace("${", "$%7B")  # it is no text of the user, whose variables would be expanded
    sha256 = recorded_sha256(archive)
    return Source(f"{distribution.name} @ {place}" + (f"#sha256={sha256}" if sha256 else ""))
