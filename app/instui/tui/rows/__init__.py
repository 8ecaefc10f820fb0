"""The content of the screens: pure functions that make rows and lines, as plain data, from snapshots. No Textual."""
