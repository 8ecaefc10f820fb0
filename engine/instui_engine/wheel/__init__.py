"""Wheel files: archive, metadata, RECORD, manifest, and unpacking; strict, since wheels are hostile input."""
