"""Whether Dask can use the address of a scheduler, before it tries."""

import distributed
from distributed.comm.addressing import parse_address, parse_host_port
from distributed.comm.registry import get_backend

from bnstudy.errors import UserError, one_line

LOCAL = "local:"  # and a number of workers on this machine
TLS = "https://distributed.dask.org/en/stable/tls.html"


def check(address: str) -> None:
    """Refuse an address at which no scheduler can be reached.

    A client that Dask cannot begin to connect waits 20 seconds when Python ends, and complains.

    Args:
        address: as in tcp://127.0.0.1:8786.

    Raises:
        UserError: it is none, nor local: and a number, or does not fit Dask's configuration of TLS.

    """
    if address.startswith(LOCAL):
        number = address.removeprefix(LOCAL)
        if not number.isdecimal() or not 1 <= int(number) <= 999:
            right = f"{LOCAL} needs a number of workers, 1 to 999, as in {LOCAL}4"
            raise UserError(f"--scheduler {address}: {right}")
        return
    scheme, place = parse_address(address)
    try:
        get_backend(scheme)
        if scheme in ("tcp", "tls"):
            host, port = parse_host_port(place)
            if not host or not 0 < port <= 65535:
                raise ValueError(f"no host and port in address {place!r}")
    except ValueError as error:
        raise UserError(
            f"--scheduler {address}: {one_line(error)}; an address is like tcp://127.0.0.1:8786, "
            "and local:4 is four workers on this machine"
        ) from None
    if scheme in ("tcp", "tls"):
        _check_encryption(address, encrypted=scheme == "tls")


def _check_encryption(address: str, *, encrypted: bool) -> None:
    try:
        configured = distributed.Security().get_connection_args("client")
    except OSError as error:
        raise UserError(
            f"--scheduler {address}: the certificates in Dask's configuration of TLS cannot be "
            f"read: {one_line(error)}"
        ) from None
    if encrypted and configured["ssl_context"] is None:
        raise UserError(
            f"--scheduler {address}: tls:// needs certificates; Dask's configuration names none "
            f"(see {TLS})"
        )
    if not encrypted and configured["require_encryption"]:
        raise UserError(
            f"--scheduler {address}: Dask's configuration requires encryption; use tls://"
        )
