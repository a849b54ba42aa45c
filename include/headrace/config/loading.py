"""Reading ``include/sources/*.yml`` into models, with every error placed by file and line."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from include.headrace import settings
from include.headrace.config import rules
from include.headrace.config.document import Document, dotted, read_document
from include.headrace.config.errors import nearest, validation_error
from include.headrace.config.kinds import KINDS, AnySource
from include.headrace.config.models import Source
from include.headrace.errors import ConfigError


def source_names() -> list[str]:
    """The names of all sources: the stems of ``include/sources/*.yml``, sorted. No file is read."""
    return sorted(path.stem for path in settings.SOURCES_DIR.glob("*.yml"))


def load_source(path: Path) -> AnySource:
    """Read one source file.

    Raises ConfigError with a line ``file:line: field: what is wrong, and the remedy`` for each
    error in the file, in the order of the file.
    """
    document = read_document(path)
    try:
        source = _validated(document)
    except ValidationError as error:
        problems = [
            _placed(document, detail["loc"], detail["msg"]) for detail in error.errors(include_url=False)
        ]
        raise document.error([*document.problems, *problems]) from None
    problems = [*document.problems]
    siblings = {sibling.stem for sibling in path.parent.glob("*.yml")}
    for location, what in rules.unknown_assets(source.schedule.assets if source.schedule else (), siblings):
        problems.append(_placed(document, location, what))
    if problems:
        raise document.error(problems)
    return source


def _placed(document: Document, location: tuple[str | int, ...], what: str) -> tuple[int, str]:
    return document.line(location), f"{dotted(location)}: {what}" if location else what


def _validated(document: Document) -> AnySource:
    data, name = document.data, document.path.stem
    kind = data.get("kind")
    kinds = f"the kinds are {', '.join(KINDS)}."
    if "kind" not in data:
        raise validation_error(Source, [(("kind",), f"is required but missing; {kinds}")])
    if not isinstance(kind, str) or kind not in KINDS:
        hint = nearest(str(kind), KINDS)
        raise validation_error(
            Source, [(("kind",), f"is not a kind that is known ({kind!r}); {hint} {kinds}")]
        )
    if "name" in data:
        raise validation_error(
            Source,
            [
                (
                    ("name",),
                    f"is not a field: the file's name gives it ({name}); remove it, or rename the file.",
                )
            ],
        )
    return KINDS[kind].model_validate({**data, "name": name})


def load_sources() -> list[AnySource]:
    """Read every file of ``include/sources``, in the order of their names.

    Raises ConfigError with the errors of all files, and for a file that ends in ``.yaml``, which
    would be passed over.
    """
    sources: list[AnySource] = []
    errors: list[str] = []
    for path in sorted(settings.SOURCES_DIR.glob("*.yaml")):
        errors.append(f"{path.name}: The file would be passed over; rename it to end in .yml.")
    for name in source_names():
        try:
            sources.append(load_source(settings.SOURCES_DIR / f"{name}.yml"))
        except ConfigError as error:
            errors.append(str(error))
    if errors:
        raise ConfigError("\n".join(errors))
    return sources
