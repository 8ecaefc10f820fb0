"""uv's log: what is read of it, how often it is told, and that nothing of it gets into the answer."""

import pytest

from instui_engine.resolve.uv_log import UvLog, without_log


class Watched:
    """A log with a clock of its own, and what it has told."""

    def __init__(self) -> None:
        self.now = 10.0
        self.told: list[str] = []
        self.wheels: list[str] = []
        self.log = UvLog(self.told.append, lambda: self.now, self.wheels.append)
        self.used = 0.0

    def ask(self, url: str, form: str = "Sending fresh GET request") -> None:
        self.log.feed(f"DEBUG {form} for: {url}\n".encode())

    def wait(self, seconds: float, used: float = 0.0) -> None:
        """Let time pass, a tenth of a second at a time."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.used += used / round(seconds * 10)
            self.log.tick(lambda: self.used)


def test_it_says_how_many_packages_and_which_was_the_last() -> None:
    seen = Watched()
    seen.ask("https://user:secret@index.example/simple/scipy/")
    seen.wait(0.5)
    seen.ask("https://files.example/a/b/Foo_Bar-1.0-py3-none-any.whl.metadata", "Found fresh response")
    seen.ask("https://files.example/a/b/Foo_Bar-1.0-py3-none-any.whl", "Sending fresh HEAD request")
    seen.wait(0.5)
    assert seen.told == [
        "reading the metadata of 1 package, the last scipy",
        "reading the metadata of 2 packages, the last foo-bar",
    ]


def test_it_names_the_wheels_that_uv_looks_at_and_none_with_a_hidden_part() -> None:
    seen = Watched()
    seen.ask("https://index.example/simple/scipy/")
    seen.ask("https://files.example/a/foo_bar-1.0-py3-none-any.whl.metadata", "Found fresh response")
    seen.ask("https://files.example/a/b-1.0-py3-none-any.whl", "Sending fresh HEAD request")
    seen.ask("https://user:****@files.example/a/c-1.0-py3-none-any.whl")
    seen.ask("https://files.example/a/d-1.0.tar.gz")
    assert seen.wheels == [
        "https://files.example/a/foo_bar-1.0-py3-none-any.whl",
        "https://files.example/a/b-1.0-py3-none-any.whl",
    ]


def test_a_server_without_range_requests_sends_whole_wheels() -> None:
    seen = Watched()
    seen.ask("http://files.example/six-1.0-py3-none-any.whl", "Sending fresh HEAD request")
    seen.ask("http://files.example/six-1.0-py3-none-any.whl")
    seen.wait(0.5)
    seen.wait(2.0)
    seen.ask("https://other.example/b-1.0-py3-none-any.whl")  # to know its hash
    seen.wait(0.5)
    assert seen.told == [
        "reading whole wheels for the metadata of 1 package, the last six",
        "waiting for files.example to send whole wheels, asked about six",
        "reading the metadata of 2 packages, the last b",
    ]


def test_it_tells_changed_words_only_and_at_most_three_times_a_second() -> None:
    seen = Watched()
    for number in range(100):
        seen.ask(f"https://index.example/simple/p{number}/")
        seen.wait(0.1)
    assert 10 <= len(seen.told) <= 30
    assert len(set(seen.told)) == len(seen.told)
    seen.wait(20)
    assert seen.told[-1] == "waiting for index.example, asked about p99; metadata of 99 other packages so far"
    assert seen.told.count(seen.told[-1]) == 1


def test_a_uv_that_computes_does_not_wait_for_a_host() -> None:
    seen = Watched()
    seen.ask("https://index.example/simple/scipy/")
    seen.wait(5, used=5.0)
    assert seen.told[-1] == "looking for versions of 1 package that fit together"


def test_versions_that_do_not_fit_are_counted_while_they_come_and_while_uv_computes() -> None:
    seen = Watched()
    seen.ask("https://index.example/simple/alpha/")
    for number in range(30):
        seen.ask("https://files.example/beta-1.0-py3-none-any.whl.metadata")
        seen.ask(f"https://files.example/alpha-{number}.0-py3-none-any.whl.metadata", "Found stale response")
        seen.ask(f"https://files.example/alpha-{number}.0-py3-none-any.whl.metadata", "Found fresh response")
        seen.wait(0.1)
    assert seen.told[0] == "reading the metadata of 2 packages, the last alpha"
    assert seen.told[-1] == "trying versions of alpha (26 so far)"
    seen.wait(2.0)
    assert seen.told[-1] == "waiting for files.example, asked about alpha; metadata of 1 other package so far"
    seen.wait(2.0, used=2.0)
    assert seen.told[-1] == "trying versions of alpha (30 so far)"


def test_a_name_server_and_a_connection_that_keep_uv_waiting_are_told_from_the_host() -> None:
    seen = Watched()
    seen.ask("https://index.example/simple/scipy/")
    seen.log.feed(b"DEBUG starting new connection 'Some(\"index.example\")'    \n")
    seen.wait(0.7)
    assert seen.told[-1] == "waiting for the address of index.example, asked about scipy"
    seen.log.feed(b"DEBUG connecting to 192.0.2.1:443\n")
    seen.wait(0.5)
    assert seen.told[-1] == "waiting for a connection to index.example, asked about scipy"
    seen.log.feed(b"DEBUG connected to 192.0.2.1:443\n")
    seen.wait(0.5)
    assert seen.told[-1] == "waiting for index.example, asked about scipy"


def test_an_index_at_an_address_of_ipv6_is_named_while_there_is_no_connection() -> None:
    seen = Watched()
    seen.ask("https://[2001:db8::1]:8080/simple/scipy/")
    seen.log.feed(b"DEBUG starting new connection 'Some(\"[2001:db8::1]\")'\n")
    seen.log.feed(b"DEBUG connecting to [2001:db8::1]:8080\n")
    seen.wait(0.7)
    assert seen.told[-1] == "waiting for a connection to 2001:db8::1, asked about scipy"


def test_a_proxy_is_named_without_its_password() -> None:
    seen = Watched()
    seen.ask("https://index.example/simple/scipy/")
    seen.log.feed(b"DEBUG starting new connection 'Some(\"index.example\")'\n")
    seen.log.feed(b"DEBUG proxy(http://user:s3cr3t@proxy.example:80/) intercepts 'Some(\"index.example\")'\n")
    seen.wait(1.5)
    assert seen.told[-1] == "waiting for the address of the proxy proxy.example, asked about scipy"
    seen.log.feed(b"DEBUG connecting to 192.0.2.1:80\n")
    seen.wait(0.5)
    assert seen.told[-1] == "waiting for a connection to the proxy proxy.example, asked about scipy"
    seen.log.feed(b"DEBUG connected to 192.0.2.1:80\n")
    seen.wait(0.5)
    assert seen.told[-1] == "waiting for index.example through the proxy proxy.example, asked about scipy"
    seen.ask("https://other.example/simple/numpy/")
    seen.wait(2)
    assert seen.told[-1].startswith("waiting for other.example, asked about numpy")
    assert not any("s3cr3t" in words for words in seen.told)


def test_a_host_that_fails_is_told_until_it_is_asked_again() -> None:
    seen = Watched()
    seen.ask("https://index.example/simple/scipy/")
    seen.log.feed(b"WARN Retry attempt #0. Sleeping 900.5ms before the next attempt\n")
    seen.wait(0.5)
    assert seen.told == ["waiting to ask index.example again, after a failure"]
    seen.wait(1.0)
    assert seen.told[-1] == "waiting for index.example, asked about scipy"
    seen.log.feed(b"WARN Retry attempt #1. Sleeping 2.25s before the next attempt\n")
    seen.wait(2.0)
    assert seen.told[-1] == "waiting to ask index.example again, after 2 failures"
    seen.ask("https://index.example/simple/numpy/")
    seen.wait(0.5)
    assert seen.told[-1] == "reading the metadata of 2 packages, the last numpy"


def test_where_several_hosts_were_asked_none_is_said_to_be_the_one_that_fails() -> None:
    seen = Watched()
    for host, words in (
        ("index.example", "index.example"),
        ("files.example", "index.example or files.example"),
        ("index.example", "index.example or files.example"),
        ("more.example", "one of 3 hosts"),
    ):
        seen.ask(f"https://{host}/simple/scipy/")
        seen.log.feed(b"WARN Retry attempt #0. Sleeping 2s before the next attempt\n")
        seen.wait(0.5)
        assert seen.told[-1] == f"waiting to ask {words} again, after a failure"


def test_no_password_and_no_escape_is_told() -> None:
    seen = Watched()
    seen.ask("https://user:secret@index.example/token-secret/simple/\x1b[31mx%1b[2J/?key=secret")
    seen.ask("https://[bad/simple/x/")  # no URL
    seen.wait(3)
    assert seen.told
    assert not any("secret" in words or "\x1b" in words for words in seen.told)


@pytest.mark.parametrize(
    "path",
    [
        "dl/s3cr3t-token/",
        "s3cr3t",
        "s3cr3t.whl",
        "s3cr3t.zip",
        "s3cr3t.metadata",
        "s3cr3t/simple/",
        "simple/s3cr3t%2Fx/",
        "?simple/s3cr3t",
        "#/simple/s3cr3t",
    ],
)
def test_only_the_host_is_told_of_a_url_that_names_no_project(path: str) -> None:
    seen = Watched()
    seen.ask(f"https://s3cr3t:s3cr3t@host.example/{path}")
    seen.wait(0.5)
    seen.wait(2, used=2.0)
    seen.wait(2)
    assert not any("s3cr3t" in words for words in seen.told)
    assert seen.told[0] == "reading metadata from host.example"
    assert seen.told[-2:] == ["looking for versions that fit together", "waiting for host.example"]
    seen.ask("https://index.example/simple/scipy/")
    seen.ask(f"https://host.example/{path}")
    seen.wait(3)
    assert seen.told[-1] == "waiting for host.example; metadata of 1 package so far"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("simple/Foo.Bar", "foo-bar"),
        ("root/pypi/+simple/foo/", "foo"),
        ("x/foo_bar-1.0-1-py3-none-any.whl", "foo-bar"),
        ("x/foo-bar-1.0.tar.gz", "foo-bar"),
        ("x/foo-1.0.zip#sha256=abc", "foo"),
        ("x/foo-1.0-py3-none-any.whl?s3cr3t", "foo"),
    ],
)
def test_a_project_is_told_as_an_index_or_a_file_names_it(path: str, name: str) -> None:
    seen = Watched()
    seen.ask(f"https://index.example/{path}")
    seen.wait(0.5)
    assert seen.told == [f"reading the metadata of 1 package, the last {name}"]


def test_the_log_is_taken_out_of_the_answer() -> None:
    output = (
        "Resolved 1 package in 1ms\nDEBUG No cache entry for: https://x/\nWould install 1 package\n"
        "WARN Retry attempt #0. Sleeping 1.2s before the next attempt\n + a==1\n"
    )
    assert without_log(output) == ("Resolved 1 package in 1ms\nWould install 1 package\n + a==1\n", True)


@pytest.mark.parametrize(
    "torn", [" + aDEBUG Found fresh response for: https://x/\n==1\n", "WouldDEBUG x\n", "WWARN Retry attempt #0."]
)
def test_a_torn_line_of_the_answer_is_seen(torn: str) -> None:
    assert not without_log(torn)[1]
