"""The content of the screens as plain data: rows and lines made from snapshots by pure functions."""
