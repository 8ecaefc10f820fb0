"""Locks: claims, the lock table of one session, lock files between sessions, and finding holders."""
