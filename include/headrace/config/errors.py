"""What a wrong value in a source file is told: what it is, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

KIND = "headrace"
"""Type of the errors made here: their text is final."""

Problem = tuple[tuple[str | int, ...], str]
"""A field (or a path below the model) and what is wrong with it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a word that is not known: the nearest known one, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(names)}."


def field_names(model: type[BaseModel]) -> list[str]:
    """The fields of a model as a file writes them: those that the JSON Schema has too."""
    return [
        info.alias or name
        for name, info in model.model_fields.items()
        if not any(isinstance(item, SkipJsonSchema) for item in info.metadata)  # type: ignore[misc]
    ]


def validation_error(model: type[BaseModel], problems: Iterable[Problem]) -> ValidationError:
    """A ValidationError that carries the problems, each at its field."""
    return ValidationError.from_exception_data(
        model.__name__,
        [
            InitErrorDetails(
                type=PydanticCustomError(KIND, "{what}", {"what": what}), loc=location, input=None
            )
            for location, what in problems
        ],
    )


def problems_of(model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """The errors of a model and of what is below it, in our words."""
    found: list[Problem] = []
    for detail in error.errors(include_url=False, include_input=True):
        location, what = _without_tag(model, tuple(detail["loc"])), _told(model, detail)
        if detail["type"].startswith("union_tag"):
            location = (*location, detail["ctx"]["discriminator"].strip("'"))
        found.append((location, what))
    return found


def _without_tag(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A location as the file has it: pydantic puts the chosen member of a union after the field."""
    info = model.model_fields.get(str(location[0])) if location else None
    is_union = info is not None and info.discriminator is not None
    return (location[0], *location[2:]) if is_union else location


def _told(model: type[BaseModel], detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    if kind == KIND:
        return detail["msg"]
    if kind == "value_error":
        return f"{context['error']}."
    if kind == "extra_forbidden":
        return f"is not a field here; {nearest(name, field_names(model))}"
    if kind == "missing":
        return f"is required but missing; {_meaning(model, name)}"
    if kind == "union_tag_not_found":
        return f"is required but missing; known are {', '.join(_tags(model, name))}."
    if kind == "union_tag_invalid":
        tag, field = context["tag"], context["discriminator"].strip("'")
        return f"is not a {field} that is known ({tag}); {nearest(tag, _tags(model, name))}"
    if kind == "literal_error":
        return f"is not one of {context['expected']}; choose one of them."
    return _told_of_type(kind, detail)


def _meaning(model: type[BaseModel], name: str) -> str:
    info = {info.alias or key: info for key, info in model.model_fields.items()}[name]
    return f"add it. It is: {info.description}"


def _tags(model: type[BaseModel], field: str) -> list[str]:
    """The members of a field's union, by the values of its discriminator."""
    info = model.model_fields[field]
    members: list[type[BaseModel]] = list(get_args(info.annotation))
    return sorted(
        tag for member in members for tag in get_args(member.model_fields[str(info.discriminator)].annotation)
    )


def _told_of_type(kind: str, detail: ErrorDetails) -> str:
    given: Any = detail["input"]
    if kind == "string_type":
        if given is None:
            return "has no value; write one, or remove the field."
        return f"is {_yaml_type(given)}, not text; write it in quotes."
    if kind in ("tuple_type", "list_type"):
        return "is not a list; write it as [a, b], or one `- item` a line."
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return "is not a mapping; write `field: value` lines below it."
    if kind in ("int_type", "int_from_float"):
        return "is not a whole number; write one, without quotes."
    if kind == "float_type":
        return "is not a number; write one, without quotes."
    rule = detail["msg"].replace("Input should", "must").replace("Tuple should", "must")
    rule = rule.replace("String should", "must")
    return f"{rule[0].lower()}{rule[1:]}; change it."


def _yaml_type(value: object) -> str:
    """What YAML made of a value that was meant as text: ``on`` is a truth value, ``5`` a number."""
    if isinstance(value, bool):
        return "a truth value to YAML"
    if isinstance(value, (int, float)):
        return "a number to YAML"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"a {type(value).__name__} to YAML"
