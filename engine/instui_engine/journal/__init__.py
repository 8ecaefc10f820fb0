"""The journal: its events, and the writer that appends them. A user interface reads nothing else."""
