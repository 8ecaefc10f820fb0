"""The commands that write into an environment, and the session around each of them."""
