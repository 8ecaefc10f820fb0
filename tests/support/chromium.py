"""A headless Chromium, driven over a pipe (the DevTools protocol), to see pages as people and printers see them."""

import json
import os
import shutil
import signal
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .needs import TOOLS

PATIENCE = 60.0  # seconds for one answer, on a busy machine


class Page:
    """A tab. `log` has what the browser said about it: errors, refusals of the policy, and requests."""

    def __init__(self, browser: "Browser") -> None:
        self._browser = browser
        self.log: list[dict[str, Any]] = []
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call of the protocol."""
        return self._browser.call(method, self, self._session, **parameters)

    def look(self, width: int = 1000, height: int = 800, *, dark: bool = False) -> None:
        """Look at pages in a window of that size, as a user who prefers dark or light pages."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, page: Path | str, *, scripts: bool = True) -> None:
        """Open a file or a URL, and wait until it is loaded."""
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.log.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        deadline = time.monotonic() + PATIENCE
        while not any(one["method"] == "Page.loadEventFired" for one in self.log):
            assert time.monotonic() < deadline, self.log
            self.call("Target.getTargetInfo")  # what happened meanwhile comes before the answer

    def value(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def requests(self) -> list[str]:
        """What the page has asked for, itself included."""
        return [one["params"]["request"]["url"] for one in self.log if one["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """What the browser complained about."""
        texts = [str(one["params"]) for one in self.log if one["method"] == "Runtime.exceptionThrown"]
        return texts + [one["params"]["entry"]["text"] for one in self.log if one["method"] == "Log.entryAdded"]

    def picture(self, *, whole: bool = True) -> bytes:
        """The page as a PNG; `whole`: with what is below the window."""
        return b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole, format="png")["data"])

    def printed(self) -> bytes:
        """The page as a PDF, on the paper that its style sheet asks for."""
        return b64decode(self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])


class Browser:
    """The process and its pipe."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # the browser expects the pipe at descriptors 3 and 4
        shell = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, *command, "--remote-debugging-pipe"],
            pass_fds=(to_browser, from_browser),
            env=environ,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._rest = b""
        self._number = 0

    def call(self, method: str, page: Page | None = None, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Send a message and wait for its answer; what comes before that belongs to `page`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            if page is not None and "method" in answer:
                page.log.append(answer)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._read, 1 << 20)
            assert data, "the browser has gone"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def close(self) -> None:
        """End it, with all of its processes."""
        with suppress(OSError, AssertionError):
            self.call("Browser.close")
        os.close(self._write)
        os.close(self._read)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A page in a browser of its own, whose files lie in `profile`."""
    program = next(filter(None, map(shutil.which, TOOLS["chromium"].commands)))
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
    ]
    offline = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    environ = {**os.environ, "HOME": str(profile), "XDG_CONFIG_HOME": str(profile), "XDG_CACHE_HOME": str(profile)}
    browser = Browser([program, *flags, *offline, f"--user-data-dir={profile}", "about:blank"], environ)
    try:
        yield Page(browser)
    finally:
        browser.close()
