"""The commands that write into an environment, and what each does around its work."""
