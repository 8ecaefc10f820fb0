"""File names of sound wheels: what is no name of a wheel, another wheel's name, or hostile to who prints it."""

from .model import Case, Installed, Refused, wheel


def _refused(filename: str, text: str = "", code: int = 1) -> Case:
    return Case(f"file name: {ascii(filename)[1:-1][:60]}", lambda: wheel(), Refused(text, code, stored=True), filename)


def _installed(filename: str) -> Case:
    return Case(f"file name: {filename}", lambda: wheel({"odd/__init__.py": filename.encode()}), Installed(), filename)


NO_NAME = "is not the file name of a wheel"
CASES = (
    _refused("odd.whl", NO_NAME),
    _refused("odd-1.0.whl", NO_NAME),
    _refused("-1.0-py3-none-any.whl", ""),
    _refused("odd--py3-none-any.whl", ""),
    _refused("odd-one-py3-none-any.whl", ""),
    _refused("odd-1.0-x-py3-none-any.whl", ""),
    _refused("odd-1.0-py3-none.whl", NO_NAME),
    _refused("odd__odd-1.0-py3-none-any.whl", ""),
    _refused("_odd-1.0-py3-none-any.whl", "name"),
    _refused("o dd-1.0-py3-none-any.whl", NO_NAME),
    _refused("o%dd-1.0-py3-none-any.whl", NO_NAME),
    _refused("$(id)-1.0-py3-none-any.whl", NO_NAME),
    _refused("o\x1b[31mdd-1.0-py3-none-any.whl", NO_NAME),
    _refused("o\ndd-1.0-py3-none-any.whl", NO_NAME),
    _refused("o\u202edd-1.0-py3-none-any.whl", NO_NAME),
    _refused("o\udcffdd-1.0-py3-none-any.whl", NO_NAME),
    _refused("\u043edd-1.0-py3-none-any.whl", ""),
    _refused("odd-1.0-py3-none-\x1b[31m.whl", ""),
    _refused(f"{'o' * 200}-1.0-py3-none-any.whl", "another distribution"),
    _refused("even-1.0-py3-none-any.whl", "another distribution"),
    _refused("odd-2.0-py3-none-any.whl", "another distribution"),
    _refused("odd-1.0+local-py3-none-any.whl", "another distribution"),
    _refused("odd-1.0-cp311-cp311-win_amd64.whl", "does not fit"),
    _refused("odd-1.0-cp27-none-any.whl", "does not fit"),
    _refused("odd-1.0-py3-none-any.WHL", "", 2),
    _installed("ODD-1.0-py3-none-any.whl"),
    _installed("odd-1.0.0-py3-none-any.whl"),
    _installed("odd-1.0-7-py3-none-any.whl"),
    _installed("odd-1.0-py2.py3-none-any.whl"),
)
