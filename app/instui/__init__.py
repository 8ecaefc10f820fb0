"""The instui program: its command line, and everything that shows what the engine does."""
