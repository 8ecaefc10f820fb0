"""Connections that say how long they are in the making: an address is looked up, a proxy connects, TLS is agreed on.

Nothing but a connection knows that, so those of urllib3 are told to say it.
"""

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from instui_engine.errors import printable

from .attempt import connecting


def _peer(connection: HTTPConnection) -> str:
    """What it leads to: a server, a proxy, or a server through a proxy."""
    here = f"{connection.host}:{connection.port}"
    target = getattr(connection, "_tunnel_host", None)
    return printable(f"{target} through {here}" if target else here)


class _Connection(HTTPConnection):
    def connect(self) -> None:
        with connecting(_peer(self)):
            super().connect()


class _TLSConnection(HTTPSConnection):
    def connect(self) -> None:
        with connecting(_peer(self)):
            super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}
"""The pools by scheme, for a PoolManager."""
