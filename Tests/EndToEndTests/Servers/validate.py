#!/usr/bin/env python3
"""Checks the JSON document on standard input against a JSON schema (2020-12), with a validator that others wrote.

    validate.py docs/schemas/token.schema.json < document

Exit code 0: it fits. Each place of the document where the schema lets pass a member that it does not name is printed, one
on a line (`/` is the document itself, `*` any element of a list). 1: it does not fit; the first error is printed. 2: the
schema is no schema, or standard input is no strict JSON.
"""

import copy
import json
import sys

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

UNDECLARED = "a member that nobody declared"


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def unique(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice in one object")
    return dict(pairs)


def strict(text):
    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


def objects(value, path=()):
    """The paths of all objects in the value."""
    if isinstance(value, dict):
        yield path
        for name, member in value.items():
            yield from objects(member, path + (name,))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from objects(element, path + (index,))


def with_undeclared(document, path):
    document = copy.deepcopy(document)
    place = document
    for step in path:
        place = place[step]
    place[UNDECLARED] = None
    return document


def name(path):
    return "/" + "/".join("*" if isinstance(step, int) else step for step in path)


def main(schema_path):
    try:
        with open(schema_path, encoding="utf-8") as file:
            schema = strict(file.read())
        Draft202012Validator.check_schema(schema)
        document = strict(sys.stdin.buffer.read().decode("utf-8"))
    except (ValueError, SchemaError) as error:
        print(f"{schema_path}: {error}".splitlines()[0])
        return 2
    validator = Draft202012Validator(schema)
    error = best_match(validator.iter_errors(document))
    if error is not None:
        print(f"{name(error.absolute_path)}: {error.message}")
        return 1
    for place in sorted({name(path) for path in objects(document) if validator.is_valid(with_undeclared(document, path))}):
        print(place)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
