"""The commit: write-ahead record, renames under claims, undo, recovery, and backups of replaced files."""
