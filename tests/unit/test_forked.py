"""A copy of a process that installs, for a screen: it is what a new process would be."""

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a new process is started")

_COPY = """\
import signal, sys, tempfile
import instui.cli.main
from instui.cli.forked import Forked, possible
assert possible()
signal.signal(signal.SIGTERM, lambda *_: None)
def other(arguments):
{body}
instui.cli.main.run = other
with tempfile.TemporaryFile() as errors:
    one = Forked(["a word"], errors.fileno(), (), False)
{after}
    print(one.wait())
    errors.seek(0)
    print(errors.read().decode(), end="")
print("once")
"""


def copied(body: str, after: str = "") -> list[str]:
    script = _COPY.format(body=body, after=after)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_it_never_goes_on_with_what_the_original_does() -> None:
    assert copied("    return 3") == ["3", "once"]
    code, *traceback, last = copied("    raise ValueError('broken')")
    assert (code, traceback[-1], last) == ("1", "ValueError: broken", "once")


def test_it_has_its_own_command_line_and_streams_and_a_session_of_its_own() -> None:
    body = "    import os\n    own = os.getsid(0) == os.getpid()\n"
    body += "    print(arguments, own, sys.stdin.read() == '', file=sys.stderr)\n"
    body += "    print('for nobody')\n    return 7"
    assert copied(body) == ["7", "['a word'] True True", "once"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_have_their_default_effect_on_it_even_at_once(number: signal.Signals) -> None:
    code, *rest = copied("    import time\n    time.sleep(60)", f"    one.send_signal({int(number)})")
    assert code == (str(-number) if number == signal.SIGTERM else "1")
    assert rest[-1] == "once"


def test_it_is_not_made_where_there_are_threads() -> None:
    script = "import threading, time\nfrom instui.cli.forked import possible\n"
    script += "threading.Thread(target=time.sleep, args=[1]).start()\nprint(possible())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"


def test_it_keeps_no_file_that_it_was_not_given() -> None:
    body = "    import os\n    print(len(os.listdir('/proc/self/fd')), file=sys.stderr)\n    return 0"
    assert copied(body) == ["0", "4", "once"]  # with that of the listing
