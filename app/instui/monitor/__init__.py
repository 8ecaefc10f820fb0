"""What is known of a session: journals are read, events folded into snapshots, and their facts put into words."""
