"""Wheel files: archive, metadata, RECORD, manifest and unpacking. All of it is strict: wheels are hostile input."""
