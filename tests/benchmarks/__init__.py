"""Benchmarks against uv, pip and earlier revisions: `python tests/benchmarks`. tests/README.md says what is where."""
