"""Checks a value against a JSON Schema, as far as the schemas of flowsync go.

A keyword that is not known here is an error and no pass: so the schemas cannot grow past their tests.
"""

NOTES = {"$schema", "$defs", "title", "description", "default"}
TYPES = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def same(a, b):
    """Equal as JSON is: true is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


class Checker:
    def __init__(self, schema):
        self.root = schema

    def faults(self, value, schema=None, path=""):
        """What is wrong, as a list of "PATH: sentence"; empty if nothing is."""
        schema = self.root if schema is None else schema
        found = []
        for keyword, wanted in schema.items():
            if keyword not in NOTES:
                found += KEYWORDS[keyword](self, value, wanted, schema, path)
        return found

    def of_ref(self, value, ref, _, path):
        target = self.root
        for part in ref.removeprefix("#/").split("/"):
            target = target[part]
        return self.faults(value, target, path)

    def of_type(self, value, wanted, _, path):
        names = wanted if isinstance(wanted, list) else [wanted]
        good = any(TYPES[name](value) for name in names)
        return [] if good else [f"{path}: {value!r} is not of type {wanted}"]

    def of_enum(self, value, wanted, _, path):
        good = any(same(value, word) for word in wanted)
        return [] if good else [f"{path}: {value!r} is none of {wanted}"]

    def of_const(self, value, wanted, _, path):
        return [] if same(value, wanted) else [f"{path}: {value!r} is not {wanted!r}"]

    def of_minimum(self, value, least, _, path):
        return [f"{path}: {value} is under {least}"] if TYPES["number"](value) and value < least else []

    def of_maximum(self, value, most, _, path):
        return [f"{path}: {value} is over {most}"] if TYPES["number"](value) and value > most else []

    def of_min_length(self, value, least, _, path):
        short = isinstance(value, str) and len(value) < least
        return [f"{path}: {value!r} is shorter than {least}"] if short else []

    def of_max_properties(self, value, most, _, path):
        many = isinstance(value, dict) and len(value) > most
        return [f"{path}: more than {most} keys"] if many else []

    def of_min_items(self, value, least, _, path):
        return [f"{path}: fewer than {least} items"] if isinstance(value, list) and len(value) < least else []

    def of_max_items(self, value, most, _, path):
        return [f"{path}: more than {most} items"] if isinstance(value, list) and len(value) > most else []

    def of_required(self, value, keys, _, path):
        lacking = [key for key in keys if isinstance(value, dict) and key not in value]
        return [f"{path}: lacks {key}" for key in lacking]

    def of_properties(self, value, properties, _, path):
        return [fault for key, schema in properties.items() if isinstance(value, dict) and key in value
                for fault in self.faults(value[key], schema, f"{path}/{key}")]

    def of_additional(self, value, schema, around, path):
        others = set(value) - set(around.get("properties", {})) if isinstance(value, dict) else set()
        if isinstance(schema, bool):
            return [] if schema else [f"{path}: unknown key {key}" for key in sorted(others)]
        return [fault for key in sorted(others) for fault in self.faults(value[key], schema, f"{path}/{key}")]

    def of_items(self, value, schema, _, path):
        return [fault for i, item in enumerate(value if isinstance(value, list) else [])
                for fault in self.faults(item, schema, f"{path}/{i}")]

    def of_one_of(self, value, choices, _, path):
        tries = [self.faults(value, schema, path) for schema in choices]
        good = sum(not faults for faults in tries)
        if good == 1:
            return []
        nearest = min(tries, key=len)
        return [f"{path}: {good} of {len(choices)} choices fit"] + (nearest if not good else [])


KEYWORDS = {
    "$ref": Checker.of_ref, "type": Checker.of_type, "enum": Checker.of_enum, "const": Checker.of_const,
    "minimum": Checker.of_minimum, "maximum": Checker.of_maximum, "minLength": Checker.of_min_length,
    "maxProperties": Checker.of_max_properties,
    "minItems": Checker.of_min_items, "maxItems": Checker.of_max_items, "required": Checker.of_required,
    "properties": Checker.of_properties, "additionalProperties": Checker.of_additional,
    "items": Checker.of_items, "oneOf": Checker.of_one_of,
}


def faults(schema, value):
    return Checker(schema).faults(value)


def keywords(schema):
    """All keywords that a schema uses."""
    found = set(schema)
    for keyword in ("properties", "$defs"):
        for inner in schema.get(keyword, {}).values():
            found |= keywords(inner)
    for inner in [schema.get("items"), schema.get("additionalProperties"), *schema.get("oneOf", [])]:
        if isinstance(inner, dict):
            found |= keywords(inner)
    return found
