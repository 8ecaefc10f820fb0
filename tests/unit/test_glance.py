"""A glance at a wheel says how many files it has; whatever the file is, it says no more than that."""

from pathlib import Path

from tests.support import wheelsmith

from instui_engine.wheel.glance import Amount, glance


def test_it_says_how_many_files_and_bytes_a_wheel_has(tmp_path: Path) -> None:
    wheel = wheelsmith.build_wheel(tmp_path, "good", "1.0", {f"good/{i}.py": b"x\n" * i for i in range(100)})
    amount = glance(str(wheel))
    assert amount.files == 100 + 3  # METADATA, WHEEL, RECORD
    assert amount.size > sum(2 * i for i in range(100))


def test_of_what_is_no_wheel_it_says_nothing(tmp_path: Path) -> None:
    wheel = wheelsmith.build_wheel(tmp_path, "good", "1.0", {"good.py": b"x\n"})
    data = wheel.read_bytes()
    other = tmp_path / "other.whl"
    for content in (b"", b"x" * 21, b"x" * 22, b"x" * 1000, data + b"x", data[:-22] + b"PK\5\6" + b"\xff" * 18):
        other.write_bytes(content)
        assert glance(str(other)) == Amount()
    assert glance(str(tmp_path / "missing")) == Amount()
    assert glance(str(tmp_path)) == Amount()
