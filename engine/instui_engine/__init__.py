"""A locking engine that installs many wheels into one environment at once.

It reads top to bottom as a pipeline: resolve, fetch, store, plan, stage, commit; every step writes to the journal.
This package has no user interface and imports none.
"""

from .version import __version__ as __version__
