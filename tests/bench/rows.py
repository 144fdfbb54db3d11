"""Rows of the table: a figure of flowsync, the limit that was measured beside it, and how far the one may be from the
other."""
import dataclasses
import math


@dataclasses.dataclass
class Row:
    """ratio is value / limit.  The goal is the most that it may be; with at_least, limit / value and the least.  A row
    without a limit has a goal for its value; one without a goal informs."""
    name: str
    n: int
    value: float
    unit: str
    limit: float = math.nan
    goal: float = math.nan
    at_least: bool = False
    limit_name: str = ""
    more: dict = dataclasses.field(default_factory=dict)

    @property
    def ratio(self):
        if math.isnan(self.limit) or not self.limit or not self.value:
            return math.nan
        return self.limit / self.value if self.at_least else self.value / self.limit

    @property
    def reached(self):
        """None: the row has no goal."""
        if math.isnan(self.goal):
            return None
        measured = self.value if math.isnan(self.limit) else self.ratio
        if self.at_least:
            return measured >= self.goal
        return measured <= self.goal

    def as_dict(self):
        figures = {"name": self.name, "n": self.n, "value": self.value, "unit": self.unit, "limit": self.limit,
                   "limit_name": self.limit_name, "ratio": self.ratio, "goal": self.goal, "at_least": self.at_least,
                   "reached": self.reached, **self.more}
        return {key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in figures.items()}


LINE = "{:<37} {:>6} {:>8} {:>8} {:>6} {:>6} {}"
HEAD = LINE.format("what", "N", "flowsync", "limit", "ratio", "goal", "").rstrip()


def number(value):
    if math.isnan(value):
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def line(row):
    goal = "" if math.isnan(row.goal) else (">" if row.at_least else "") + f"{row.goal:g}"
    mark = {None: "", True: "ok", False: "--"}[row.reached]
    return LINE.format(f"{row.name}, {row.unit}", row.n, number(row.value), number(row.limit), number(row.ratio), goal,
                       mark).rstrip()
