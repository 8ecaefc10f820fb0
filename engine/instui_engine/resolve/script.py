"""The requirements of a Python script, in a comment at its top (PEP 723)."""

import re

from instui_engine.errors import UsageError, printable

# as in the specification; uv's differs in blocks that are not closed, which are errors there
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)*)^# ///$")
_OPENING = re.compile(r"(?m)^# /// script$")


def is_script(text: str) -> bool:
    """Whether it has a block of requirements."""
    return _OPENING.search(_lines(text)) is not None


def script_requirements(text: str, shown: str) -> list[str]:
    """What the script depends on. Raises UsageError for a script without a block, or with one that is not valid."""
    import tomllib

    blocks = [block["content"] for block in _BLOCK.finditer(_lines(text)) if block["type"] == "script"]
    if len(blocks) != 1:
        what = "more than one block" if blocks else "no closed block"
        raise UsageError(f"{shown} has {what} of script metadata (# /// script ... # ///, PEP 723)")
    toml = "".join(line[2:] if line.startswith("# ") else line[1:] for line in re.findall(r"[^\n]*\n", blocks[0]))
    try:
        content = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the script metadata of {shown} is not TOML: {printable(str(error))}") from error
    tool = content.get("tool", {})
    settings = tool.get("uv") if isinstance(tool, dict) else tool
    if settings:
        key = next(iter(settings), "") if isinstance(settings, dict) else ""
        raise UsageError(
            f"{shown}: settings in [tool.uv] of a script are not read here ({printable(key)}); remove them"
        )
    found = content.get("dependencies", [])
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise UsageError(f"the dependencies in the script metadata of {shown} are not a list of strings")
    return found


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n") + "\n"
