"""The Link header (RFC 8288) as far as paging needs it: the target of the relation `next`."""

from __future__ import annotations

import re

_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*)"""
_PARAMETER = rf"""\s*;\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*({_VALUE}))?"""
_LINK = re.compile(rf"""[\s,]*<([^<>]*)>((?:{_PARAMETER})*)\s*(?=,|$)""")
_PARAMETERS = re.compile(_PARAMETER)


def next_link(header: str) -> str | None:
    """The URL, whole or relative, that a Link header names as the next page; None when it names none.

    Several headers are given as one, joined by commas. Raises ValueError for a header that is not of
    this grammar.
    """
    found = None
    position = 0
    while header[position:].strip(" ,\t"):
        link = _LINK.match(header, position)
        if link is None:
            raise ValueError(header)
        position = link.end()
        if found is None and "next" in _relations(link[2]):
            found = link[1].strip()
    return found


def _relations(parameters: str) -> list[str]:
    """Relation types of a link: words of its first `rel` (RFC 8288, section 3.3), in small letters."""
    for name, value in _PARAMETERS.findall(parameters):
        if name.lower() == "rel":
            return str(value).strip('"').lower().split()
    return []
