"""The stage: wheels put together in a private directory, outside any lock."""
