"""Which paths a wheel claims: the examples of the design, and what must hold for any set of paths."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instui_engine.fs.paths import ancestors, is_within, neutral
from instui_engine.locks.claims import Claims, derive
from instui_engine.plan.planner import plan_wheel
from instui_engine.target.installed import Installed
from support.environments import entry, examples, planned_environment

SITE = "lib/python3.11/site-packages"


def claims_of(name: str, *files: str, data: tuple[str, ...] = (), commands: tuple[str, ...] = ()) -> Claims:
    environment = planned_environment(Path("/nowhere"))
    plan = plan_wheel(environment, Installed(environment, {}), *entry(name, files, data, commands=commands), 0)
    return plan.claims


def exclude_each_other(one: Claims, other: Claims) -> bool:
    mine, theirs = set(one.exclusive), set(other.exclusive)
    return bool(mine & theirs or mine & set(other.shared) or theirs & set(one.shared))


def test_a_package_is_one_claim_with_intention_on_all_above() -> None:
    claims = claims_of("requests", "requests/__init__.py", "requests/api.py", "requests/sub/deep.py")
    assert claims.exclusive == (f"@{'requests'}", f"{SITE}/requests", f"{SITE}/requests-1.0.dist-info")
    assert claims.shared == (".", "lib", "lib/python3.11", SITE)


def test_a_namespace_is_claimed_where_files_begin() -> None:
    claims = claims_of("google-cloud-storage", "google/cloud/storage/__init__.py", "google/cloud/storage/blob.py")
    assert f"{SITE}/google/cloud/storage" in claims.exclusive
    assert {f"{SITE}/google", f"{SITE}/google/cloud"} <= set(claims.shared)


def test_distributions_of_one_namespace_go_side_by_side() -> None:
    storage = claims_of("google-cloud-storage", "google/cloud/storage/blob.py")
    bigquery = claims_of("google-cloud-bigquery", "google/cloud/bigquery/job.py")
    assert not exclude_each_other(storage, bigquery)


def test_the_init_file_of_a_namespace_excludes_all_that_is_in_it() -> None:
    whole = claims_of("google", "google/__init__.py")
    assert f"{SITE}/google" in whole.exclusive
    assert exclude_each_other(whole, claims_of("google-cloud-storage", "google/cloud/storage/blob.py"))
    assert not exclude_each_other(whole, claims_of("requests", "requests/api.py"))


def test_a_file_in_the_root_of_site_packages_is_claimed_alone() -> None:
    one = claims_of("one", "README.md", "one/__init__.py")
    assert f"{SITE}/README.md" in one.exclusive
    assert SITE not in one.exclusive
    assert exclude_each_other(one, claims_of("two", "README.md", "two/__init__.py"))
    assert not exclude_each_other(one, claims_of("three", "LICENSE", "three/__init__.py"))


def test_a_data_file_collides_with_the_package_that_it_reaches_into() -> None:
    package = claims_of("foo", "foo/__init__.py")
    intruder = claims_of("bar", "bar/__init__.py", data=(f"data/{SITE}/foo/settings.json",))
    assert f"{SITE}/foo" in intruder.exclusive
    assert exclude_each_other(package, intruder)


def test_a_data_file_collides_with_the_command_of_its_name() -> None:
    tool = claims_of("tool", "tool/__init__.py", commands=("run",))
    script = claims_of("script", "script/__init__.py", data=("scripts/run",))
    data = claims_of("data", "data/__init__.py", data=("data/bin/run",))
    other = claims_of("other", "other/__init__.py", data=("data/bin/walk",))
    assert "bin/run" in tool.exclusive
    assert exclude_each_other(tool, script)
    assert exclude_each_other(tool, data)
    assert exclude_each_other(script, data)
    assert not exclude_each_other(tool, other)


def test_a_directory_that_contains_a_scheme_root_is_never_claimed() -> None:
    claims = claims_of("x", "x.py", data=("data/lib/notes.txt", "data/readme.txt", "data/include/site/y.h"))
    assert {"lib/notes.txt", "readme.txt", "include/site/y.h"} <= set(claims.exclusive)
    assert not {"lib", "include", "include/site", "bin", "."} & set(claims.exclusive)


def test_headers_lie_in_a_directory_of_the_distribution() -> None:
    assert "include/site/python3.11/x/one.h" in claims_of("x", "x.py", data=("headers/one.h",)).exclusive


def test_two_versions_of_one_distribution_exclude_each_other() -> None:
    assert exclude_each_other(derive(["a"], "same"), derive(["b"], "same"))
    assert not exclude_each_other(derive(["a"], "one"), derive(["b"], "two"))


def test_names_that_only_begin_alike_do_not_collide() -> None:
    assert not exclude_each_other(claims_of("foo", "foo/a.py"), claims_of("foobar", "foobar/a.py", "foo.py"))


@pytest.mark.parametrize(("path", "above"), [("a", ["."]), ("a/b/c", ["a/b", "a", "."])])
def test_ancestors_go_up_to_the_top(path: str, above: list[str]) -> None:
    assert list(ancestors(path)) == above


def test_neutral_directories_are_the_roots_and_all_above() -> None:
    assert neutral(["lib/x", "bin", ""]) == {"", ".", "lib", "lib/x", "bin"}


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@settings(max_examples=examples(300))
@given(st.sets(paths, min_size=1), st.sets(paths, min_size=1))
def test_claims_collide_exactly_where_one_path_is_or_contains_another(one: set[str], other: set[str]) -> None:
    mine, theirs = derive(one, "mine"), derive(other, "theirs")
    overlap = any(a == b or a.startswith(f"{b}/") or b.startswith(f"{a}/") for a in one for b in other)
    assert exclude_each_other(mine, theirs) == overlap
    for path in one:
        assert any(is_within(path, claim) for claim in mine.exclusive)
    for path in mine.exclusive:
        assert not any(path.startswith(f"{above}/") for above in mine.exclusive)
        assert path.startswith("@") or set(ancestors(path)) <= set(mine.shared)
    assert not set(mine.exclusive) & set(mine.shared)
