"""sha256 of a few bytes: of paths, for the names of locks and notes, and of files that are generated here.

`hashlib` loads OpenSSL, which takes as long as ten modules of this package. That is worth it for the content of wheels.
For a few bytes there is Python's own, which `hashlib` takes where there is no OpenSSL, and `random` for its seeds.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256 as sha256
else:
    try:
        from _sha2 import sha256 as sha256  # Python 3.12 and later
    except ImportError:
        try:
            from _sha256 import sha256 as sha256
        except ImportError:  # a Python that is built without it
            from hashlib import sha256 as sha256
