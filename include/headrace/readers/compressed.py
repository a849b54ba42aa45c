"""Compressed files as plain streams, by the ending of their name."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from typing import BinaryIO, cast
from zipfile import BadZipFile

import pyarrow as pa

from include.headrace.errors import SourceError
from include.headrace.readers.files import File

BROKEN = ("Invalid data stream", "ZSTD", "compressed stream", "Not a gzipped file", "CRC check failed")
"""What bz2, Arrow's zstd and gzip say, as an OSError, of bytes that are not theirs."""


@contextmanager
def plain(file: File) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked when its name ends in .gz, .bz2, .xz, .lzma, .zip or .zst.

    Raises SourceError when the file is not what its name says, or ends before its end, and else what
    ``files.translated`` tells.
    """
    # fsspec knows zstd only beside a package that is not needed for anything else.
    zstd = file.path.endswith(".zst")
    with file.open(None if zstd else "infer") as handle, _unpacking(file.path):
        yield cast(BinaryIO, pa.CompressedInputStream(handle, "zstd")) if zstd else handle


@contextmanager
def _unpacking(path: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, LZMAError, BadZipFile) as error:
        raise _broken(path, error) from None
    except OSError as error:
        if any(said in str(error) for said in BROKEN):
            raise _broken(path, error) from None
        raise


def _broken(path: str, error: Exception) -> SourceError:
    return SourceError(
        f"{path} cannot be unpacked: {error}. It was cut short, or is not what its name says; have it "
        "written anew."
    )
