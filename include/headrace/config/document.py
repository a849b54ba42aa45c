"""Reading a YAML file with the line of every value, so that errors can point at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from include.headrace.errors import ConfigError
from include.headrace.settings import PROJECT_ROOT

Location = tuple[str | int, ...]
"""Where a value stands in the document: keys and list positions from the root."""


def shown(path: Path) -> str:
    """The path as errors show it: from the project's root where it is below it."""
    path = path.absolute()
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)


@dataclass
class Document:
    """A parsed file: its values, and the line (from 1) of each."""

    path: Path
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Faults of the text itself that do not stop the reading, each with its line."""

    def line(self, location: Location) -> int:
        """The line of the value, or of the nearest thing around it when it is not in the file."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def error(self, problems: list[tuple[int, str]]) -> ConfigError:
        """One error that names the file and line of every problem, in the file's order."""
        where = shown(self.path)
        return ConfigError("\n".join(f"{where}:{line}: {text}" for line, text in sorted(set(problems))))


def read_document(path: Path) -> Document:
    """Read one YAML mapping from a file.

    Raises ConfigError naming file and line when the file is missing, empty, not UTF-8, not YAML,
    or not a mapping. A key given twice is left in ``problems``, to be told with the others.
    """
    document = Document(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise document.error([(line, "The file is not UTF-8 text; save it as UTF-8.")]) from None
    except OSError as error:
        raise ConfigError(
            f"{shown(path)}: The file cannot be read ({error.strerror}); check its name."
        ) from None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise document.error([(1, "The file is empty; begin it with `kind:`.")])
        _walk(root, (), document, ())
        if not isinstance(root, yaml.MappingNode):
            raise document.error([(1, "The file is not a mapping; begin it with `kind:`.")])
        document.data = loader.construct_document(root)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise document.error([(line, "The file holds a control character; remove it.")]) from None
    except yaml.MarkedYAMLError as error:
        raise document.error([_syntax(error)]) from None
    except ValueError as error:
        raise document.error([(1, f"A value cannot be read ({error}); write it in quotes.")]) from None
    return document


def _syntax(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "it cannot be parsed"
    line = mark.line + 1 if mark else 1
    if "'\\t'" in what:
        return line, "A tab is used where YAML wants spaces; indent with spaces."
    if "single document" in str(error.context):
        return line, "The file holds several documents; keep one source a file and remove `---`."
    return line, f"This is not YAML: {what}; check the indentation, colons and quotes near this line."


def _walk(node: yaml.Node, location: Location, document: Document, around: tuple[int, ...]) -> None:
    """Note the line of each value and every key given twice; ``around`` guards against loops."""
    if id(node) in around:
        raise document.error([(node.start_mark.line + 1, "An alias holds itself; write the value out.")])
    around = (*around, id(node))
    document.lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _walk(item, (*location, position), document, around)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            if isinstance(key, yaml.ScalarNode) and name in seen:
                text = f"{dotted((*location, name))}: is given twice, first in line {seen[name]}; keep one."
                document.problems.append((line, text))
            seen.setdefault(name, line)
            document.lines[(*location, name)] = line
            _walk(value, (*location, name), document, around)


def dotted(location: Location) -> str:
    """A location as people write it: ``tables[0].cursor``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
