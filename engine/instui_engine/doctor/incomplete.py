"""Which installed distributions are incomplete, as far as their metadata shows that: no other file is read."""

from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.target.listing import read


def incomplete(environment: Environment, installed: Installed) -> dict[str, str]:
    """Name -> in a few words what is missing, for each that an installer has left half done."""
    found: dict[str, str] = {}
    for name, distribution in installed.items():
        if distribution.is_legacy:
            continue
        listing = read(environment, distribution)
        twice = installed.duplicates(name)
        if twice:
            found[name] = f"listed in {len(twice) + 1} versions"
        elif listing.is_ghost:
            found[name] = "nothing but its .dist-info is left"
        elif listing.problem and not listing.is_managed and not listing.closed:
            found[name] = listing.problem
        elif not listing.closed and not installed.is_whole(name):
            found[name] = "METADATA is missing"  # though RECORD lists it
    return found
