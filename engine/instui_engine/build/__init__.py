"""Builds: from sources to wheel files, which then go the way of all wheels."""
