"""Write the picture of a report, as a browser shows it: `python screenshots/report.py`. It needs Chromium.

The fonts are those of this machine, so another one writes other bytes.
"""

import sys
import tempfile
from base64 import b64decode
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from instui.report.page import page  # noqa: E402
from support.chromium import chromium  # noqa: E402
from support.reports import recorded, recording  # noqa: E402

WIDTH, SCALE = 1100, 0.8
BOTTOM = "document.querySelector('#timeline + figure').getBoundingClientRect().bottom"


def main() -> None:
    """The top of a report, down to its timeline."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, chromium(Path(scratch) / "profile") as tab:
        file = Path(scratch) / "report.html"
        file.write_text(page(recorded(recording("slow"))), encoding="utf-8")
        tab.look(WIDTH)
        tab.open(file)
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": tab.value(BOTTOM) + 10, "scale": SCALE}
        picture = tab.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        (HERE / "report.png").write_bytes(b64decode(picture))


if __name__ == "__main__":
    main()
