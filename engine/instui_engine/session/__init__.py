"""A session: its place in the environment, options, control from outside, and worker threads."""
