"""Values as TOML, for the settings and the projects that uv is given."""

import json


def toml(value: object) -> str:
    """A value that was read from TOML, in TOML, on one line."""
    match value:
        case dict():
            return f"{{{', '.join(f'{toml(str(key))} = {toml(item)}' for key, item in value.items())}}}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case bool():
            return json.dumps(value)
        case str():  # the escapes of JSON are those of TOML, but for one character, and for halves of others
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return str(value)  # numbers, dates and times
