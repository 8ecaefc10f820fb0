"""A session: its files in the environment, options, control from outside, and worker threads."""
