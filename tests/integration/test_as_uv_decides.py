"""The same command line to `uv pip install` and to instui, in two equal environments: the same set must be there after.

Every case runs real uv beside the program, so a new version of uv that decides otherwise shows up here.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from packaging.utils import canonicalize_name

from conftest import Run
from support.cli import fingerprints, installed, run_uv
from support.environments import Venv
from support.wheelsmith import build_wheel

INDEXED: dict[tuple[str, str], list[str]] = {
    ("alpha", "1"): [],
    ("alpha", "2"): [],
    ("alpha", "3a1"): [],
    ("beta", "1"): ["alpha"],
    ("beta", "2"): ["alpha>=2"],
    ("old", "1"): ["alpha<2"],
    ("gamma", "4"): [],
    ("needy", "1"): ["gamma"],
    ("extra", "1"): ["fast; extra == 'speed'", "win; sys_platform == 'win32'"],
    ("fast", "1"): [],
    ("torch", "2.12"): ["cuda"],
    ("torch", "2.13"): ["cuda"],
    ("metrics", "1"): ["torch>=2"],
    ("cuda", "1"): [],
    ("ring", "1"): ["gnir"],
    ("gnir", "1"): ["ring"],
    ("dropped", "1"): [],
    ("dropped", "2"): [],
    ("built", "1"): [],
    ("built", "1+cpu"): [],
    ("nested", "1"): ["nested[one]; extra == 'all'", "fast; extra == 'one'"],
    ("epoch", "1!1"): [],
    ("epoch", "2"): [],
    ("local", "1"): [],
    ("local", "1+x"): [],
    ("early", "1a1"): [],
    ("upper", "1"): [],
    ("upper", "2"): [],
}
LOCAL = {("gamma", "5"): [], ("own", "1"): ["alpha"], ("torch", "2.13+cpu"): []}
YANKED = ("dropped", "2")


@dataclass(frozen=True)
class Case:
    """`before`: what uv installs first, in commands of their own. `{local}`, `{index}` and `{here}` are filled in."""

    arguments: str
    before: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    fails: bool = False


CASES = {
    "nothing is there": Case("beta"),
    "a bound": Case("beta alpha<2"),
    "a bound that an installed version meets": Case("alpha>=1", ("alpha==1",)),
    "a bound that an installed version breaks": Case("alpha>=2", ("alpha==1",)),
    "a dependency that is there is kept": Case("beta", ("alpha==1",)),
    "a dependency that is too old is replaced": Case("beta==2", ("alpha==1",)),
    "a dependent is not looked at": Case("alpha==2", ("old",)),
    "a dependent and its dependency": Case("old alpha==2", fails=True),
    "pre-releases stay out": Case("alpha"),
    "a pre-release by name": Case("alpha>=3a1"),
    "an installed pre-release is kept": Case("alpha", ("alpha==3a1",)),
    "on no index: kept": Case("needy", ("{local}/gamma-5-py3-none-any.whl",)),
    "on no index: kept by -U": Case("-U alpha gamma", ("alpha==1", "{local}/gamma-5-py3-none-any.whl")),
    "on no index: replaced by --reinstall": Case("--reinstall gamma", ("{local}/gamma-5-py3-none-any.whl",)),
    "a local version is kept": Case("metrics", ("{local}/torch-2.13+cpu-py3-none-any.whl",)),
    "a local version is kept by a bound": Case("torch==2.13", ("{local}/torch-2.13+cpu-py3-none-any.whl",)),
    "a local version under -U of the dependent": Case("-U metrics", ("{local}/torch-2.13+cpu-py3-none-any.whl",)),
    "one's own build with a dependency": Case("{local}/own-1-py3-none-any.whl", ("alpha==1",)),
    "a version beside its own local version": Case("built!=1+cpu"),
    "a local version": Case("built"),
    "one URL for each platform": Case(
        "-r r.txt",
        files={
            "r.txt": "alpha @ file://{index}/files/alpha-1-py3-none-any.whl ; sys_platform != 'win32'\n"
            "alpha @ file://{index}/files/alpha-2-py3-none-any.whl ; sys_platform == 'win32'\n"
        },
    ),
    "upgrade": Case("-U beta", ("beta==1", "alpha==1")),
    "upgrade of one": Case("beta -P alpha", ("beta==1", "alpha==1")),
    "upgrade of one that is not asked for": Case("fast -P alpha", ("alpha==1",)),
    "upgrade of one to a bound": Case("beta -P alpha<2", ("beta==1", "alpha==1")),
    "reinstall takes the newest": Case("--reinstall alpha", ("alpha==1",)),
    "reinstall with dependencies": Case("--reinstall beta==1", ("beta==1", "alpha==1")),
    "without dependencies": Case("--no-deps beta"),
    "without dependencies, what is there stays": Case("--no-deps beta alpha", ("alpha==1",)),
    "extras": Case("extra[speed]"),
    "an extra of what is there": Case("extra[speed]", ("extra",)),
    "an extra that does not exist": Case("extra[none]"),
    "an extra of a path": Case("{index}/files/extra-1-py3-none-any.whl[speed]"),
    "a marker that does not hold": Case("fast alpha;sys_platform=='win32'"),
    "a cycle": Case("ring"),
    "a yanked version stays out": Case("dropped"),
    "a yanked version by name": Case("dropped==2"),
    "a path of the version that is there": Case("{index}/files/alpha-2-py3-none-any.whl", ("alpha==2",)),
    "a URL of the version that is there": Case("alpha@file://{index}/files/alpha-2-py3-none-any.whl", ("alpha==2",)),
    "constraints": Case("beta -c c.txt", files={"c.txt": "alpha<2\n"}),
    "a constraint that an installed version breaks": Case("alpha -c c.txt", ("alpha==2",), {"c.txt": "alpha<2\n"}),
    "a constraint on a dependency that is there": Case("beta==1 -c c.txt", ("beta==1",), {"c.txt": "alpha<2\n"}),
    "a constraint by URL": Case(
        "beta -c c.txt", files={"c.txt": "alpha @ file://{index}/files/alpha-1-py3-none-any.whl\n"}
    ),
    "UV_CONSTRAINT": Case("alpha", ("alpha==2",), {"c.txt": "alpha<2\n"}, {"UV_CONSTRAINT": "{here}/c.txt"}),
    "UV_OVERRIDE": Case("beta==2", files={"o.txt": "alpha==1\n"}, env={"UV_OVERRIDE": "{here}/o.txt"}),
    "UV_RESOLUTION": Case("beta", env={"UV_RESOLUTION": "lowest"}),
    "UV_PRERELEASE": Case("alpha", env={"UV_PRERELEASE": "allow"}),
    "UV_REQUIRE_HASHES": Case("alpha", env={"UV_REQUIRE_HASHES": "1"}, fails=True),
    "UV_REQUIRE_HASHES and a path": Case(
        "--no-deps {index}/files/alpha-2-py3-none-any.whl", env={"UV_REQUIRE_HASHES": "1"}, fails=True
    ),
    "UV_NO_BINARY": Case("alpha", env={"UV_NO_BINARY": "1"}),
    "no-emit-package": Case("beta", files={"uv.toml": '[pip]\nno-emit-package = ["alpha"]\n'}),
    "no-emit-package of a project": Case(
        "beta", files={"pyproject.toml": '[tool.uv.pip]\nno-emit-package = ["alpha"]\n'}
    ),
    "python-version": Case("beta", files={"uv.toml": '[pip]\npython-version = "3.99"\n'}),
    "no-binary": Case("alpha", files={"uv.toml": '[pip]\nno-binary = ["alpha"]\n'}, fails=True),
    "require-hashes": Case("alpha", files={"uv.toml": "[pip]\nrequire-hashes = true\n"}, fails=True),
    "an index in a setting": Case("alpha<2", files={"uv.toml": 'index-url = "file://{index}/simple"\n'}),
    "output-file": Case("beta", files={"uv.toml": '[pip]\noutput-file = "out.txt"\n'}),
    "override-dependencies": Case("beta==2", files={"uv.toml": 'override-dependencies = ["alpha==1"]\n'}),
    "constraint-dependencies": Case("alpha", ("alpha==2",), {"uv.toml": 'constraint-dependencies = ["alpha<2"]\n'}),
    "an index in a file": Case("-r r.txt", files={"r.txt": "--index-url file://{index}/simple\nalpha<2\n"}),
    "reinstall in a setting": Case("alpha", ("alpha==1",), {"uv.toml": "reinstall = true\n"}),
    "reinstall of one in a setting": Case("beta", ("alpha==1",), {"uv.toml": '[pip]\nreinstall-package = ["Alpha"]\n'}),
    "nested extras": Case("nested[all]"),
    "an epoch": Case("epoch"),
    "a local version is newer": Case("local==1"),
    "exactly this text": Case("local===1+x"),
    "only pre-releases": Case("early"),
    "an upper bound of the Python": Case("upper"),
    "-U of a path": Case("-U {local}/gamma-5-py3-none-any.whl", ("gamma",)),
    "what does not exist": Case("absent", fails=True),
    "two versions": Case("alpha==1 alpha==2", fails=True),
    "no such version": Case("alpha==9", ("alpha==1",), fails=True),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A simple index as files, and a directory of wheels that are on no index."""
    index, local = tmp_path_factory.mktemp("index"), tmp_path_factory.mktemp("local")
    (index / "files").mkdir()
    pages: dict[str, list[str]] = {}
    for (name, version), requires in INDEXED.items():
        wheel = build_wheel(index / "files", name, version, {f"{name}.py": version.encode()}, requires=requires)
        yanked = ' data-yanked="broken"' if (name, version) == YANKED else ""
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        yanked += ' data-requires-python="&lt;3.9"' if (name, version) == ("upper", "2") else ""
        link = f'<a href="../../files/{quote(wheel.name)}#sha256={digest}"{yanked}>{wheel.name}</a>'
        pages.setdefault(canonicalize_name(name), []).append(link)
    for name, links in pages.items():
        (index / "simple" / name).mkdir(parents=True)
        page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"
        (index / "simple" / name / "index.html").write_text(page)
    for (name, version), requires in LOCAL.items():
        build_wheel(local, name, version, {f"{name}.py": b"local"}, requires=requires)
    return {"index": str(index), "local": str(local)}


@pytest.mark.parametrize("name", CASES)
def test_the_set_and_the_versions_are_those_of_uv_pip_install(
    name: str,
    places: Mapping[str, str],
    venv: Callable[[], Venv],
    run_instui: Run,
    clean_environ: dict[str, str],
    tmp_path: Path,
) -> None:
    case = CASES[name]
    theirs, ours = venv(), venv()
    filled = {**places, "here": str(tmp_path)}
    for file, text in case.files.items():
        (tmp_path / file).write_text(_fill(text, filled))
    env = {"UV_NO_CONFIG": "0", "UV_INDEX_URL": f"file://{places['index']}/simple"}
    env |= {key: _fill(text, filled) for key, text in case.env.items()}
    if "index-url" in "".join(case.files.values()):
        del env["UV_INDEX_URL"]
    options: dict[str, Any] = {"cwd": tmp_path}
    before = {**clean_environ, "UV_INDEX_URL": f"file://{places['index']}/simple"}
    for top in (theirs, ours):
        for words in case.before:
            _uv(top, _fill(words, filled), before).check_returncode()
    arguments = _fill(case.arguments, filled)
    expected = _uv(theirs, arguments, {**clean_environ, **env}, cwd=tmp_path)
    done = run_instui("install", "--no-fsync", "--python", ours.top, *arguments.split(" "), env=env, **options)
    assert (expected.returncode != 0) == case.fails, expected.stderr
    assert (done.returncode != 0) == case.fails, (done.stderr, expected.stderr)
    assert installed(ours.site) == installed(theirs.site)
    if not case.fails:
        for warning in (line for line in expected.stderr.splitlines() if line.startswith("warning: ")):
            assert warning.removeprefix("warning: ")[:40] in done.stderr + done.stdout


def test_what_uv_is_set_to_reinstall_is_installed_again(
    places: Mapping[str, str], venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    command = ["install", "--python", target.top, "--index-url", f"file://{places['index']}/simple", "alpha"]
    assert run_instui(*command, cwd=tmp_path).returncode == 0
    (tmp_path / "uv.toml").write_text("[pip]\nreinstall = true\n")
    done = run_instui(*command, cwd=tmp_path, env={"UV_NO_CONFIG": "0"})
    assert "installed alpha" in done.stdout and "already" not in done.stdout


def test_a_distribution_whose_version_is_none_does_not_stop_the_others(
    places: Mapping[str, str], venv: Callable[[], Venv], run_instui: Run
) -> None:
    """uv fails on it, so it is not in the view of the environment that uv gets."""
    target = venv()
    broken = target.site / "broken-1x!y.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Name: broken\n")
    (broken / "RECORD").write_text("")
    done = run_instui("install", "--python", target.top, "--index-url", f"file://{places['index']}/simple", "alpha")
    assert done.returncode == 0, done.stderr
    assert broken.exists()


def test_no_warning_is_taken_for_a_part_of_the_plan(
    places: Mapping[str, str], venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    """An index says why a file was yanked, in as many lines as it likes."""
    fast = Path(places["index"], "files", "fast-1-py3-none-any.whl")
    for name, words in (
        ("gamma", "in two\nlines"),
        ("needy", f"broken\nWould install 1 package\n + fast @ {fast.as_uri()}\n"),
    ):
        project = tmp_path / "simple" / name
        project.mkdir(parents=True)
        wheel = build_wheel(project, name, "1", {f"{name}.py": b""})
        (project / "index.html").write_text(
            f'<!DOCTYPE html><html><body><a href="{wheel.name}" data-yanked="{words}">{wheel.name}</a></body></html>'
        )
    target = venv()
    command = ["install", "--python", target.top, "--index-url", (tmp_path / "simple").as_uri()]
    assert "is not understood" in run_instui(*command, "needy==1").stderr
    assert run_instui(*command, "gamma==1").returncode == 0
    assert installed(target.site) == {"gamma": "1"}


def _fill(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def _uv(
    target: Venv, words: str, env: Mapping[str, str], cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    return run_uv("pip", "install", "--python", target.top, "--no-build", *words.split(" "), env=env, cwd=cwd)


Install = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def both(
    places: Mapping[str, str], run_instui: Run, clean_environ: dict[str, str], tmp_path: Path
) -> tuple[Install, Install]:
    """Install commands of uv and of the program, `(target, words)`, that work with the index of `places`."""
    env = {"UV_INDEX_URL": f"file://{places['index']}/simple"}

    def theirs(target: Venv, words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return _uv(target, words, {**clean_environ, **env, **more}, cwd=tmp_path)

    def ours(target: Venv, words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = ("install", "--no-fsync", "--python", target.top, *words.split(" "))
        return run_instui(*command, env={**env, **more}, cwd=tmp_path)

    return theirs, ours


@pytest.mark.parametrize("name", ["torch-2.13+cpu-py3-none-any.whl", "gamma-5-py3-none-any.whl"])
def test_what_either_installed_from_a_path_is_installed_already(
    name: str, places: Mapping[str, str], venv: Callable[[], Venv], both: tuple[Install, Install]
) -> None:
    """uv installs once more what ours has installed: it asks for its own note of when the file was last changed."""
    path = f"{places['local']}/{name}"
    ours = both[1]
    for first in both:
        target = venv()
        assert first(target, f"--no-deps {path}").returncode == 0
        before = fingerprints(target.top)
        assert ours(target, f"--no-deps {path}").returncode == 0
        assert fingerprints(target.top) == before
        link = Path(places["local"], "link")
        link.unlink(missing_ok=True)
        link.symlink_to(places["local"])
        assert ours(target, f"--no-deps {link}/{name}").returncode == 0  # the same file under another name
        assert fingerprints(target.top) == before


def test_both_record_the_same_url_for_a_path(
    places: Mapping[str, str], venv: Callable[[], Venv], both: tuple[Install, Install], tmp_path: Path
) -> None:
    odd = tmp_path / "a b+c%41ü"
    odd.mkdir()
    wheel = odd / "gamma-5-py3-none-any.whl"
    wheel.write_bytes(Path(places["local"], wheel.name).read_bytes())
    urls = []
    for install in both:
        target = venv()
        assert install(target, f"gamma@file://{quote(str(wheel))}").returncode == 0
        urls.append(json.loads((target.site / "gamma-5.dist-info/direct_url.json").read_text())["url"])
    assert urls[0] == urls[1]


def test_a_wheel_for_another_platform_is_replaced(venv: Callable[[], Venv], both: tuple[Install, Install]) -> None:
    for install in both:
        target = venv()
        assert install(target, "alpha==2").returncode == 0
        tags = target.site / "alpha-2.dist-info/WHEEL"
        text = tags.read_text()
        tags.unlink()
        tags.write_text(text.replace("py3-none-any", "cp38-cp38-win32"))
        assert install(target, "alpha").returncode == 0
        assert tags.read_text() == text


def test_reinstall_in_a_setting_installs_again(
    venv: Callable[[], Venv], both: tuple[Install, Install], places: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "uv.toml").write_text("[pip]\nreinstall = true\n")
    for words in ("alpha==2", f"--no-deps {places['local']}/gamma-5-py3-none-any.whl"):
        for install in both:
            target = venv()
            assert install(target, words, UV_NO_CONFIG="1").returncode == 0
            before = fingerprints(target.top)
            assert install(target, words, UV_NO_CONFIG="0").returncode == 0
            assert fingerprints(target.top) != before


def test_warnings_name_no_place_that_only_uv_sees(
    venv: Callable[[], Venv], both: tuple[Install, Install], tmp_path: Path
) -> None:
    target = venv()
    (target.site / "~lpha-1.dist-info").mkdir()
    (target.site / "~lpha-1.dist-info/METADATA").write_text("")
    (tmp_path / "r.txt").write_text("")
    done = both[1](target, "-r r.txt")
    assert done.returncode == 0
    assert "The requirements do not contain any dependencies" in done.stderr + done.stdout
    done = both[1](target, "alpha -U")
    assert f"{target.site}/~lpha-1.dist-info" in done.stderr + done.stdout
