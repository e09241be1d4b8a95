"""Addresses of schedulers that Dask cannot use are refused before it tries."""

import dask
import pytest

from bnstudy.cluster.address import check
from bnstudy.errors import UserError

TLS = "distributed.comm.tls"


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "127.0.0.1:8786", "inproc://127.0.0.1/1/1"]
)
def test_an_address_with_all_its_parts_is_taken(address):
    check(address)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("local", "missing port number"),
        ("127.0.0.1", "missing port number"),
        ("tcp://host:port", "invalid literal"),
        ("http://127.0.0.1:8786", "unknown address scheme 'http'"),
    ],
)
def test_another_one_is_refused_with_an_example(address, says):
    with pytest.raises(UserError, match=f"^--scheduler {address}: {says}.*; an address is like"):
        check(address)


def test_tls_without_certificates_is_refused():
    with pytest.raises(UserError, match="tls:// needs certificates"):
        check("tls://127.0.0.1:8786")


def test_certificates_that_cannot_be_read_are_named():
    missing = {f"{TLS}.{key}": "/nowhere.pem" for key in ("ca-file", "client.cert", "client.key")}
    with dask.config.set(missing), pytest.raises(UserError, match=r"cannot be read: .*No such"):
        check("tls://127.0.0.1:8786")


def test_an_open_connection_is_refused_where_encryption_is_required():
    with dask.config.set({"distributed.comm.require-encryption": True}):
        check("inproc://127.0.0.1/1/1")
        with pytest.raises(UserError, match="requires encryption; use tls://"):
            check("tcp://127.0.0.1:8786")
