"""The flags of the commands that say what is installed: those of uv's commands of that name, and --json."""

import argparse

from .flag_values import choice
from .options import quiet, whose
from .standing import Each

FORMATS = ("columns", "freeze", "json")


def listing(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui list`."""
    parser.add_argument("--format", help="as uv prints it; default: columns", **choice(FORMATS))
    parser.add_argument("-e", "--editable", action="store_true", help="only editable ones")
    _excluding(parser)
    parser.add_argument(
        "--names", action="store_true", help="their names alone, quickly, as the completion of shells needs them"
    )
    parser.add_argument("--outdated", action="store_true", help="only those of which an index has a newer version")
    _shared(parser)


def freeze(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui freeze`."""
    _excluding(parser)
    _shared(parser)


def show(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui show`."""
    parser.add_argument("arguments", nargs="+", metavar="DIST", help="names of distributions")
    parser.add_argument("-f", "--files", action="store_true", help="also its files")
    _shared(parser)


def check(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui check`."""
    quiet(parser)
    _shared(parser)


def tree(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui tree`."""
    parser.add_argument("--depth", "-d", default="", metavar="N", help="only so many levels")
    parser.add_argument("--package", action=Each, default=[], metavar="NAME", help="only below this one")
    parser.add_argument("--prune", action=Each, default=[], metavar="NAME", help="without this one")
    parser.add_argument("--invert", action="store_true", help="who requires what, instead of what is required")
    parser.add_argument("--no-dedupe", action="store_true", help="show what was shown already again")
    parser.add_argument("--show-version-specifiers", action="store_true", help="also which versions are required")
    _shared(parser)


def _excluding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exclude-editable", action="store_true", help="without editable ones")
    parser.add_argument("--exclude", action=Each, default=[], metavar="NAME", help="without this one")


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs, with all that instui knows")
    whose(parser)
