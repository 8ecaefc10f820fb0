"""A session as a trace: its spans, counters and waits for programs that show the traces of any program."""
