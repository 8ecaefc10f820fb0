"""Stands in front of ISA-L on PYTHONPATH: what is measured is what is installed without the extra `fast`."""

raise ImportError("not here")
