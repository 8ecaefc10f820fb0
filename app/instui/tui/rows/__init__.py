"""The content of the screens: pure functions from snapshots to rows and lines, as plain data. No Textual."""
