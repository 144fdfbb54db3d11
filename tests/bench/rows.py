"""Rows of the table: a figure of flowsync, the limit that was measured beside it, and how far the one may be from the
other."""
import dataclasses
import math

NONE = math.nan


@dataclasses.dataclass
class Row:
    """ratio is value / limit; with times, how many times the limit is of the value.  The goal is the most that the
    ratio may be, with at_least the least.  A row without a limit has a goal for its value; one without a goal informs.
    """
    name: str
    n: int
    value: float
    unit: str = ""
    limit: float = NONE
    goal: float = NONE
    times: bool = False
    at_least: bool = False
    limit_name: str = ""
    more: dict = dataclasses.field(default_factory=dict)

    @property
    def ratio(self):
        if math.isnan(self.limit) or not self.limit or not self.value:
            return NONE
        return self.limit / self.value if self.times else self.value / self.limit

    @property
    def reached(self):
        """None: the row has no goal."""
        measured = self.value if math.isnan(self.limit) else self.ratio
        if math.isnan(self.goal) or math.isnan(measured):
            return None
        return measured >= self.goal if self.at_least else measured <= self.goal

    @property
    def title(self):
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def as_dict(self):
        figures = {"name": self.name, "n": self.n, "value": self.value, "unit": self.unit, "limit": self.limit,
                   "limit_name": self.limit_name, "ratio": self.ratio, "goal": self.goal, "times": self.times,
                   "at_least": self.at_least, "reached": self.reached, **self.more}
        return {key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in figures.items()}


def number(value):
    if math.isnan(value):
        return ""
    if value >= 9.95:
        return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}"
    return f"{value:.2f}"


def goal_text(row):
    if math.isnan(row.goal):
        return ""
    return (">" if row.at_least else "") + f"{row.goal:g}"


def line(row):
    """One row by itself, as it is measured."""
    return (f"{row.title} (N = {row.n:,}): {number(row.value)}"
            + (f", limit {number(row.limit)}, ratio {number(row.ratio)}" if not math.isnan(row.limit) else "")
            + (f", goal {goal_text(row)}" if goal_text(row) else ""))


CELL = " {:>7} {:>6} {:>6}"


def cell(row):
    """A ratio, or a value without a limit, that does not reach its goal is marked."""
    if not row:
        return CELL.format("", "", "")
    mark = "!" if row.reached is False else ""
    if math.isnan(row.limit):
        return CELL.format(number(row.value) + mark, "", "")
    return CELL.format(number(row.value), number(row.limit), number(row.ratio) + mark)


def screen(rows, sizes):
    """The table: a line for each name, two sizes side by side."""
    measured = sorted({row.n for row in rows})
    sizes = ([size for size in sizes if size in measured] or measured)[-2:]
    heads = "".join(f"{f'N = {size:,}':^22}" for size in sizes)
    lines = [f"{'':30}{heads}".rstrip(),
             f"{'':30}" + CELL.format("flows.", "limit", "ratio") * len(sizes) + "  goal"]
    for title in dict.fromkeys(row.title for row in rows):
        here = {row.n: row for row in rows if row.title == title}
        some = next(iter(here.values()))
        empty = cell(None) * (len(sizes) - 1)
        for n in here:      # of another size: it stands in the first column, and says so
            if n not in sizes:
                lines.append(f"{f'{title}: {n:,}':30}{cell(here[n])}{empty} {goal_text(some):>5}")
        if any(n in sizes for n in here):
            cells = "".join(cell(here.get(size)) for size in sizes)
            lines.append(f"{title:30}{cells} {goal_text(some):>5}")
    return "\n".join(text.rstrip() for text in lines)
