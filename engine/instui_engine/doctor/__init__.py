"""Diagnosis and repair of an environment."""
