"""Byte code of wheels: compiled once for each version of Python, by that Python, and kept in the store."""
