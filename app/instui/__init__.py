"""The command line of instui, and everything that shows what the engine does."""
