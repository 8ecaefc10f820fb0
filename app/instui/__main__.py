"""`python -m instui` and the `instui` command."""


def main() -> int:
    """Run the command line; returns the exit code."""
    from instui.cli import run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
