"""What is known of a session: reading journals, folding events into snapshots, and words for what they say."""
