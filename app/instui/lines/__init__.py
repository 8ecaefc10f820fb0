"""Output in lines: plain text and JSON, written by a thread that a slow terminal cannot block."""
