"""Reads the Prometheus text format 0.0.4, more strictly than what scrapes it.

    metrics = prometheus.parse(text)        # ValueError with the line that is wrong
    metrics["flowsync_suspended", {"sync": "a"}]          # 0.0
    metrics.types["flowsync_suspended"]                   # "gauge"

check() also asks promtool, where it is installed.
"""
import math
import re
import shutil
import subprocess

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
COMMENT = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)( -?[0-9]+)?")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,|$)')
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|Inf)|NaN")
TYPES = ("counter", "gauge", "histogram")
PARTS = ("_bucket", "_sum", "_count")


class Metrics:
    """Series by name and labels, and the type of each family."""

    def __init__(self):
        self.types, self.helps, self.series = {}, {}, {}

    def __getitem__(self, key):
        name, labels = key if isinstance(key, tuple) else (key, {})
        return self.series[name, frozenset(labels.items())]

    def __contains__(self, key):
        name, labels = key if isinstance(key, tuple) else (key, {})
        return (name, frozenset(labels.items())) in self.series

    def of(self, name):
        """All series of a name, as pairs of labels and value."""
        return [(dict(labels), value) for (n, labels), value in self.series.items() if n == name]


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match or (match[3] == "," and match.end() == len(text)):
            raise ValueError("these are no labels")
        if match[1] in labels:
            raise ValueError(f"label {match[1]} is there twice")
        labels[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        at = match.end()
    return labels


def read_number(text):
    if not NUMBER.fullmatch(text):
        raise ValueError("this is no number")
    return float(text)


def read_comment(line, metrics, family):
    match = COMMENT.fullmatch(line)
    if not match:
        raise ValueError("neither HELP nor TYPE with a text")
    word, name, text = match.groups()
    if word == "HELP":
        if name in metrics.helps:
            raise ValueError("a second HELP")
        metrics.helps[name] = text
        return name
    if name != family or name in metrics.types:
        raise ValueError("TYPE does not follow its HELP")
    if text not in TYPES:
        raise ValueError("an unknown type")
    if name.endswith("_total") != (text == "counter"):
        raise ValueError("a counter's name ends in _total, and no other does")
    metrics.types[name] = text
    return name


def read_sample(line, metrics, family):
    match = SAMPLE.fullmatch(line)
    if not match:
        raise ValueError("this is no sample")
    name, labels, value = match[1], read_labels(match[2] or ""), read_number(match[3])
    kind = metrics.types.get(family)
    names = [family + part for part in PARTS] if kind == "histogram" else [family]
    if not kind or name not in names:
        raise ValueError("not of the family it stands in")
    if ("le" in labels) != name.endswith("_bucket"):
        raise ValueError("le is a label of buckets, and only theirs")
    key = name, frozenset(labels.items())
    if key in metrics.series:
        raise ValueError("a second such series")
    if kind != "gauge" and not value >= 0:
        raise ValueError(f"a {kind} below 0")
    metrics.series[key] = value


def check_histogram(metrics, name):
    """Buckets are cumulative and end with all; each has its sum and its count."""
    groups = {}
    for part in PARTS:
        for labels, value in metrics.of(name + part):
            le = labels.pop("le", None)
            group = groups.setdefault(frozenset(labels.items()), {part: [] for part in PARTS})
            group[part].append((read_number(le) if le else None, value))
    for labels, group in groups.items():
        bounds = [bound for bound, _ in group["_bucket"]]
        counts = [count for _, count in group["_bucket"]]
        if bounds != sorted(set(bounds)) or not bounds or not math.isinf(bounds[-1]):
            raise ValueError(f"{name} {dict(labels)}: bounds are not in order, or do not end with +Inf")
        if counts != sorted(counts):
            raise ValueError(f"{name} {dict(labels)}: buckets are not cumulative")
        if len(group["_sum"]) != 1 or [value for _, value in group["_count"]] != counts[-1:]:
            raise ValueError(f"{name} {dict(labels)}: the count is not that of the last bucket")


def parse(text):
    metrics, family = Metrics(), None
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    for number, line in enumerate(text[:-1].split("\n"), 1):
        try:
            if line.startswith("#"):
                family = read_comment(line, metrics, family)
            else:
                read_sample(line, metrics, family)
        except ValueError as e:
            raise ValueError(f"line {number}: {e}: {line}") from None
    for name in metrics.helps:
        if name not in metrics.types:
            raise ValueError(f"{name} has no TYPE")
    for name, kind in metrics.types.items():
        if kind == "histogram":
            check_histogram(metrics, name)
    return metrics


def promtool(text):
    """What promtool has to say against it; "" also where there is none."""
    program = shutil.which("promtool")
    if not program:
        return ""
    done = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 and not done.stderr else done.stderr or f"exit {done.returncode}"


def check(text):
    """parse(), and promtool agrees."""
    metrics, words = parse(text), promtool(text)
    if words:
        raise ValueError(words)
    return metrics
