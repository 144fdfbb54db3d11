"""A run that only seems to take place: its steps one level of the graph after the other, each as long."""
import math


class Run:
    """One execution.  The peer's clock says how far it is; `at` is the wall clock at its beginning."""

    def __init__(self, id, body, sent, at, begun, takes, fails=None, lines=0):
        self.id, self.at, self.begun, self.takes = id, at, begun, takes
        self.body, self.fails, self.lines = body, fails, lines
        self.sent = sent or {}
        self.stopped_by, self.stopped = None, None      # who, and at which second of its time
        self.reruns = []                                # as answers show them
        steps = body["steps"]
        wanted = self.wanted()
        self.parents = {name: [p for p in steps[name].get("parents", []) if p in wanted]
                        for name in steps if name in wanted}
        self.level = {}
        while len(self.level) < len(self.parents):
            for name, parents in self.parents.items():
                if all(p in self.level for p in parents):
                    self.level[name] = 1 + max((self.level[p] for p in parents), default=-1)
        self.levels = 1 + max(self.level.values(), default=0)
        self.seconds = max(1, math.ceil(takes))         # as answers show it

    def wanted(self):
        steps = self.body["steps"]
        wanted = {s["stepName"] for s in self.sent.get("stepsToRun", [])}
        dags = {s["stepName"] for s in self.sent.get("stepsToRun", []) if s.get("runDAG")}
        while more := {n for n in steps if set(steps[n].get("parents", [])) & dags} - dags:
            dags |= more
        return wanted | dags or set(steps)

    # ---- how far it is: seconds of the time that answers show ----

    def elapsed(self, clock):
        share = (clock - self.begun) / self.takes if self.takes else 1
        return min(share, 1) * self.seconds if self.stopped is None else self.stopped

    def over(self, clock):
        return self.elapsed(clock) >= self.seconds or self.stopped is not None

    def status(self, clock):
        if not self.over(clock):
            return "Running"
        if self.stopped is not None:
            return "Stopped"
        return "Failed" if self.fails in self.parents else "Success"

    def stop(self, clock, who):
        self.stopped, self.stopped_by = self.elapsed(clock), who

    def skipped(self, name):
        return any(p == self.fails or self.skipped(p) for p in self.parents[name])

    def step(self, name, clock):
        """(state, seconds of its beginning, of its end); None: not yet, or never."""
        length = self.seconds / self.levels
        begins = self.level[name] * length
        now = self.elapsed(clock)
        if self.skipped(name):
            return "Skipped", None, None
        if now < begins or (begins > 0 and self.stopped is not None and now <= begins):
            return ("Stopped" if self.stopped is not None else "Waiting"), None, None
        if now < begins + length:
            return ("Running", begins, None) if self.stopped is None else ("Stopped", begins, now)
        return ("Failed" if name == self.fails else "Success"), begins, begins + length

    # ---- what answers show ----

    def short(self, clock, stamp):
        told = {"executionId": self.id, "executedAt": stamp(self.at), "status": self.status(clock),
                "reruns": self.reruns}
        if self.over(clock):
            seconds = int(self.elapsed(clock))
            told["finishedAt"] = stamp(self.at + self.elapsed(clock))
            told["duration"] = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        if self.stopped_by:
            told["stoppedBy"] = self.stopped_by
        if self.reruns:
            told["rerunId"] = self.reruns[-1]["rerunId"]
        return told

    def details(self, clock, stamp):
        told = self.short(clock, stamp)
        told = {key: told[key] for key in ("executionId", "status", "executedAt", "finishedAt") if key in told}
        told["steps"] = [self.told_step(name, clock, stamp) for name in self.parents]
        return told

    def told_step(self, name, clock, stamp):
        step = self.body["steps"][name]
        state, begins, ends = self.step(name, clock)
        told = {"name": name, "stepType": step.get("type", "standard"), "status": state,
                "startedAt": None if begins is None else stamp(self.at + begins),
                "finishedAt": None if ends is None else stamp(self.at + ends),
                "children": [other for other, one in self.body["steps"].items() if name in one.get("parents", [])],
                "resources": {"instanceTypeId": 21, "storage": "10 GB", **spaced(step.get("resources", {}))}}
        if "command" in step:
            told.update(command=step["command"], image=f"registry.example.com/image-{step['imageId']}:latest")
        if state in ("Success", "Failed"):
            told["output"] = {"exitCode": "1" if state == "Failed" else "0", "message": "terminated"}
        if "repository" in step:
            told["source"] = {"type": "GITHUB", "url": step["repository"]["url"],
                              "filePath": step["repository"].get("filePath", "")}
        if self.reruns:
            told["rerunId"] = self.reruns[-1]["rerunId"]
        return told

    def log(self, name, clock):
        """What the step has printed: one line as it begins, the rest as it ends."""
        state, begins, ends = self.step(name, clock)
        if begins is None:
            return []
        params = self.sent.get("params", {})
        known = {**params.get("global", {}), **params.get("stepWise", {}).get(name, {})}
        texts = [f"step {name} ran"]
        if ends is not None:
            texts += [f"{key}={known[key]}" for key in sorted(known)]
            texts += [f"line {i + 1}" for i in range(self.lines)]
        return [{"message": text, "timestamp": int((self.at + begins) * 1000) + i} for i, text in enumerate(texts)]


def spaced(resources):
    """Details show "20 GB" of "20GB"."""
    shown = dict(resources)
    if str(shown.get("storage", "")).endswith("GB"):
        shown["storage"] = shown["storage"].removesuffix("GB").rstrip() + " GB"
    return shown


def faults(sent, steps):
    """What is wrong with the body of an execute: a list of sentences."""
    if sent in (None, {}):
        return []
    if not isinstance(sent, dict) or set(sent) - {"params", "stepsToRun"}:
        return ["expected params and stepsToRun"]
    params = sent.get("params", {})
    if not isinstance(params, dict) or set(params) - {"global", "stepWise"}:
        return ["/params: expected global and stepWise"]
    maps = [params.get("global", {}), *params.get("stepWise", {}).values()]
    found = [f"/params: expected texts, found {m}" for m in maps
             if not isinstance(m, dict) or not all(isinstance(v, str) for v in m.values())]
    named = list(params.get("stepWise", {}))
    for step in sent.get("stepsToRun", []):
        if set(step) - {"stepName", "runDAG"} or not isinstance(step.get("runDAG", False), bool):
            found.append(f"/stepsToRun: expected stepName and runDAG, found {step}")
        named.append(step.get("stepName"))
    return found + [f"no step is called {name}" for name in named if name not in steps]
