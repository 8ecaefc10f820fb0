"""What programs generate in `__pycache__` goes with the modules that it was made from, and with their package."""

from collections.abc import Callable
from pathlib import Path

from conftest import Run
from instui_engine.target.bytecode import module_of
from support.cli import ok
from support.environments import Venv
from support.trees import unlisted
from support.wheelsmith import build_wheel

# of numba, other interpreters, pytest, an interrupted write, and of nobody knows whom
GENERATED = (
    "{}.run-3.py311.nbi", "{}.run-3.py311.1.nbc", "{}.pypy39.pyc", "{}.cpython-311.opt-1.pyc",
    "{}.cpython-311-pytest-7.4.0.pyc", "{}.cpython-312.pyc.140234", "{}.graalpy-230.pyc",
)  # fmt: skip
FLAGS = ("--no-fsync", "--ui", "plain")


def generate(directory: Path, *modules: str) -> None:
    """As if the modules in `directory` had been used."""
    (directory / "__pycache__").mkdir(exist_ok=True)
    for name in (form.format(module) for module in modules for form in GENERATED):
        (directory / "__pycache__" / name).write_bytes(name.encode())


def test_generated_files_name_their_module() -> None:
    assert {module_of(name.format("mod")) for name in GENERATED} == {"mod"}
    assert module_of("a.b.cpython-311.pyc") == "a.b"
    assert module_of("index") == ""


def test_a_removed_package_leaves_nothing_that_could_be_imported(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "pkg", "1.0", {"pkg/__init__.py": b"", "pkg/sub/fast.py": b"", "one.py": b""}))
    for place, module in (("pkg", "__init__"), ("pkg/sub", "fast"), (".", "one")):
        generate(target.site / place, module, "not_ours" if place != "." else module)
    (target.site / "pkg" / "sub" / "__pycache__" / "index").write_bytes(b"")
    (target.site / "pkg" / "sub" / "__pycache__" / "deep" / "er").mkdir(parents=True)
    (target.site / "pkg" / "sub" / "__pycache__" / "deep" / "er" / "file").write_bytes(b"")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (target.site / "pkg" / "__pycache__" / "link").symlink_to(outside)
    ok(run_instui("uninstall", *FLAGS, "--python", target.top, "pkg"))
    assert not (target.site / "pkg").exists()
    assert not (target.site / "__pycache__").exists()
    assert [path.name for path in outside.iterdir()] == ["kept"]


def test_a_cache_that_is_a_link_goes_and_what_it_leads_to_stays(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "pkg", "1.0", {"pkg/__init__.py": b""}))
    (tmp_path / "caches").mkdir()
    (tmp_path / "caches" / "mine").touch()
    (target.site / "pkg" / "__pycache__").symlink_to(tmp_path / "caches")
    ok(run_instui("uninstall", *FLAGS, "--python", target.top, "pkg"))
    assert not (target.site / "pkg").exists()
    assert (tmp_path / "caches" / "mine").exists()


def test_files_of_others_keep_the_package_and_only_what_was_made_from_its_modules_goes(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    for mine in ("data.json", "plugin.py", "sub/x"):
        target = venv()
        target.put(build_wheel(tmp_path, "pkg", "1.0", {"pkg/__init__.py": b"", "pkg/mod.py": b""}))
        generate(target.site / "pkg", "mod", "plugin")
        (target.site / "pkg" / mine).parent.mkdir(exist_ok=True)
        (target.site / "pkg" / mine).write_bytes(b"mine")
        ok(run_instui("uninstall", *FLAGS, "--python", target.top, "pkg"))
        assert (target.site / "pkg" / mine).read_bytes() == b"mine"
        left = {path.name for path in (target.site / "pkg" / "__pycache__").iterdir()}
        assert left == {form.format("plugin") for form in GENERATED}


def test_a_directory_of_two_owners_keeps_what_belongs_to_the_other_until_it_goes_too(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(*(build_wheel(tmp_path, name, "1.0", {f"both/{name}.py": b""}) for name in ("one", "two")))
    generate(target.site / "both", "one", "two", "neither")
    ok(run_instui("uninstall", *FLAGS, "--python", target.top, "one"))
    left = {path.name for path in (target.site / "both" / "__pycache__").iterdir()}
    assert left == {form.format(module) for module in ("two", "neither") for form in GENERATED}
    ok(run_instui("uninstall", *FLAGS, "--python", target.top, "two"))
    assert not (target.site / "both").exists()


def test_two_owners_that_go_together_leave_nothing(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    target = venv()
    target.put(*(build_wheel(tmp_path, name, "1.0", {f"both/{name}.py": b""}) for name in ("one", "two")))
    generate(target.site / "both", "one", "two", "neither")
    ok(run_instui("uninstall", *FLAGS, "--python", target.top, "one", "two"))
    assert not (target.site / "both").exists()


def test_an_upgrade_without_a_subpackage_leaves_nothing_of_it(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "pkg", "1.0", {"pkg/__init__.py": b"1", "pkg/sub/fast.py": b""}))
    generate(target.site / "pkg" / "sub", "fast", "not_ours")
    generate(target.site / "pkg", "__init__", "mine")
    (target.site / "pkg" / "mine.py").touch()
    new = build_wheel(tmp_path, "pkg", "2.0", {"pkg/__init__.py": b"2"})
    ok(run_instui("install", "--no-deps", *FLAGS, "--python", target.top, new))
    assert not (target.site / "pkg" / "sub").exists()
    left = {path.name for path in (target.site / "pkg" / "__pycache__").iterdir()}
    assert left == {form.format("mine") for form in GENERATED}
    (target.site / "pkg" / "mine.py").unlink()
    ok(run_instui("install", "--no-deps", "--reinstall", *FLAGS, "--python", target.top, new))
    assert not (target.site / "pkg" / "__pycache__").exists()
    assert unlisted(target.site) == []
