"""The errors Headrace raises, told apart by what a retry can do about them."""

from __future__ import annotations


class HeadraceError(Exception):
    """Base of every error that Headrace raises on purpose.

    The message says what was wrong, where, and what to do. It never holds a secret.
    """


class PermanentError(HeadraceError):
    """Running again changes nothing: a person must mend the input, the file or the grant."""


class PassingError(HeadraceError):
    """Running again may help: a server was down, a lock was held, a connection was lost."""


class ConfigError(PermanentError):
    """A file under ``include/sources`` or a setting is wrong."""


class SourceError(PermanentError):
    """The source does not hold what the source file says: no such table, column or file."""


class ContractError(PermanentError):
    """The source's columns differ from the table's contract, and the contract forbids it."""


class CountError(PermanentError):
    """Counts or hashes disagree between two steps of a load; nothing was applied."""
