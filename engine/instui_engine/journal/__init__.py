"""The journal: its events, and the writer that appends them. The only thing that a user interface reads."""
