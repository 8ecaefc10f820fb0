"""Output in lines: plain text and JSON, written by a thread of its own, so that a slow terminal blocks nothing else."""
