"""The monitor of a session: reads journals, folds events into snapshots, and puts the facts into words."""
