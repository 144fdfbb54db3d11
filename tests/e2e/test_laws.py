"""The law: a cycle over an unchanged source and an unchanged service writes nothing, and its plan is empty.

For the local service and for the second one (tests/peer) with each habit alone, with seeded random
sets, and with all at once; for workflows that the sync made, and for such as it found there without
a mark; after a change of the specs, too.  What is known of earlier cycles differs:

    state   the state directory stays
    lost    it is deleted after each run, and the specs are in no repository
    git     there never is one: each run has a new directory, but the specs are in a git work tree
"""
import concurrent.futures
import copy
import os
import random
import re
import shutil
import subprocess
import sys
import unittest

import flowsync
from test_peer import CORNERS, OF_EXECUTIONS, STOPS, VALUES, Peer, habits, without_ours

EXAMPLES = flowsync.ROOT / "examples/workflows"
USED = ("nightly-forecast", "order-received", "month-end")     # together they have every field
MODES = ("state", "lost", "git")
FOUND = "found-"    # the name of a workflow that was there before begins with it

# "Without state it is a conflict: nothing is guessed" (design section 6).
DOUBLED = {"same-names"}
REFUSES = {"ignore-field", "refuse-values"}
# The service contradicts itself (STOPS), or is right only later than one cycle waits (a create whose answer is lost, and
# which is listed late, fails in the first cycle); busy and rate-limit only take their time.
# With it nothing can be remembered on the workflow: see test_where_nothing_can_be_remembered_the_report_says_so.
FORGETS = "drop-our-tags"
NOT_IN_SETS = {*STOPS, *DOUBLED, *OF_EXECUTIONS, FORGETS, "stale-reads", "lose-create", "busy", "rate-limit", "slow"}
RANDOM_SETS = 9
# They change when an answer comes, or what is never compared: what is remembered is the same without a state.
WITH_STATE_ONLY = {"slow", "busy", "rate-limit", "no-last-execution", "updated-at-moves", "updated-at-still"}
# With these no look is ever good for a second cycle: updatedAt is always another one, or of later than Date.
NEVER_TRUSTED = {"updated-at-moves", "clock-skew"}


def specs():
    """{file: text}: each spec twice, the second under a name that the service has already."""
    texts = {f"{name}.yaml": (EXAMPLES / f"{name}.yaml").read_text() for name in USED}
    texts["corners.yaml"] = CORNERS
    return {**texts, **{FOUND + file: re.sub(r"(?m)^( *name: )(?=\S+$)", rf"\1{FOUND}", text, count=1)
                        for file, text in texts.items()}}


def changed(texts):
    """Another image, and no timeout any more."""
    return {file: re.sub(r"(?m)^ *stepTimeout:.*\n", "", re.sub(r"imageId: (\d+)", r"imageId: 1\1", text))
            for file, text in texts.items()}


class Git:
    """A work tree in a folder: every write of it is a commit."""

    def __init__(self, folder):
        self.folder = folder
        self.run("init", "-q")

    def run(self, *args):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *args], check=True,
                       cwd=self.folder, env=env, capture_output=True)

    def commit(self, message="a change"):
        self.run("add", "-A")
        self.run("commit", "-q", "--allow-empty", "-m", message)


class Runs:
    """Commands over one folder of specs against one service, with what the mode remembers between them."""

    def __init__(self, case, mode, label, url=True, options=()):
        self.case, self.mode, self.url, self.options, self.count = case, mode, url, options, 0
        self.top = case.tmp / re.sub(r"\W", "-", label)[:60] / mode
        self.folder = self.top / "specs"
        self.folder.mkdir(parents=True)
        self.git = Git(self.folder) if mode == "git" else None

    def write(self, texts):
        for file, text in texts.items():
            (self.folder / file).write_text(text)
        if self.git:
            self.git.commit()

    def run(self, *args):
        """((exit code, writes), report)"""
        if self.mode == "lost":
            shutil.rmtree(self.top / "state", ignore_errors=True)
        self.count += 1
        state = self.top / (f"state-{self.count}" if self.mode == "git" else "state")
        result = self.case.flowsync(*args, "-o", "json", "--verbose", "--concurrency", "8", *self.options, self.folder,
                                    endpoint=self.url, env={"FLOWSYNC_STATE_DIR": state})
        report = result.json()
        done = report["requests"]["by_operation"]
        sent = sum(count for operation, count in done.items() if not operation.startswith(("list_", "describe_", "get_")))
        return (report["exit_code"], sent), report

    def cycles(self, texts, plan):
        """Of sync, sync and, if wanted, a plan over these specs; the last report beside them."""
        self.write(texts)
        found = []
        for args in (["sync"], ["sync"], ["plan", "--detailed-exitcode"])[:3 if plan else 2]:
            outcome, report = self.run(*args)
            found.append(outcome)
        return found, report


    def known(self, peer):
        """What is wrong with cycles that describe only what may have changed: the report is that of a full look."""
        peer.age(5)
        self.run("sync")
        report, full = self.run("plan")[1], self.run("plan", "--observe", "full")[1]
        if plain(report) != plain(full):
            yield f"{plain(report)} is not {plain(full)}"
        described = report["requests"]["by_operation"].get("describe_workflow", 0)
        if described and not NEVER_TRUSTED & set(peer.habits):
            yield f"{described} workflows are described"


def plain(report):
    """A report without what differs between two cycles in which the same is found.  Settled differences are in the order in
    which the service shows its keys."""
    if isinstance(report, list):
        return [plain(item) for item in report]
    if isinstance(report, dict):
        return {k: sorted(plain(v), key=str) if k == "settled" and isinstance(v, list) else plain(v)
                for k, v in report.items() if k not in ("requests", "cycle_id", "started", "finished", "duration_s")}
    return report


class LawCase(flowsync.ServiceCase):
    def check(self, found, report, code=0):
        """A second sync writes nothing, and the plan is empty."""
        self.assertEqual({c for c, _ in found}, {code}, report)
        self.assertEqual({w for _, w in found[1:]}, {0}, report)
        summary = report["summary"]
        self.assertEqual([summary[k] for k in ("create", "patch", "replace", "delete")], [0] * 4, report)
        for w in report["workflows"]:
            self.assertIn(w["result"], ("unchanged", "refused") if code == 4 else ("unchanged",), w)


class LocalLawTest(LawCase):
    def test_the_local_service(self):
        texts = {f.name: f.read_text() for f in EXAMPLES.glob("*.yaml")}
        texts.update(specs())
        self.expect(0, "sync", self.write(texts))
        bodies = [without_server(self.service.describe(name)) for name in (*USED, "corners")]
        for mode in MODES:
            with self.subTest(mode):
                for w in self.service.workflows():
                    self.service.good("DELETE", f"/workflows/{w['id']}")
                for body in bodies:
                    self.service.create({**body, "name": FOUND + body["name"]})
                runs = Runs(self, mode, "local")
                self.check(*runs.cycles(texts, True))
                self.check(*runs.cycles(changed(texts), True))
                timeouts = [s.get("stepTimeout") for name in ("nightly-forecast", FOUND + "nightly-forecast")
                            for s in self.service.describe(name)["steps"].values()]
                self.assertEqual(any(timeouts), mode == "lost", timeouts)


def without_server(shown):
    """A describe's answer as somebody would send it again."""
    body = without_ours({k: shown[k] for k in ("name", "tags", "watchers", "steps", "retryOptions", "metadata")
                         if shown.get(k) is not None})
    body["triggers"] = [{"webhook": True} if "webhook" in t else {"cron": t["cron"]} for t in shown["triggers"]]
    for step in body["steps"].values():
        for key in ("imageName", "imageVersion"):
            step.pop(key, None)
        if step.get("repository", {}).get("token") == "":
            del step["repository"]["token"]
        parameters = step.get("parameters") or {}
        if isinstance(parameters.get("env"), list):
            parameters["env"] = {k: v for item in parameters["env"] for k, v in item.items()}
    return body


class PeerLawTest(LawCase):
    def setUp(self):
        super().setUp()
        self.token = self.token_file().read_text().strip()
        self.texts = specs()
        plain = self.peer()
        self.expect(0, "sync", self.write(self.texts, "plain"), endpoint=plain.url)
        self.bodies = [without_ours(copy.deepcopy(plain.named(FOUND + name).body)) for name in (*USED, "corners")]

    def peer(self, *names, seed=1):
        peer = Peer(self.token, names, seed=seed).start()
        self.addCleanup(peer.stop)
        return peer

    def outcome(self, names, mode, options=()):
        """([sync, sync, plan], report) with the specs, and with changed ones; what a good client never sends.

        To save time, "lost" stops before the change, and for the others the plan comes at the end only.
        """
        peer = self.peer()
        for body in self.bodies:
            peer.add(copy.deepcopy(body))
        peer.set_habits(*names)
        runs = Runs(self, mode, ",".join([*names, *options]), peer.url, options)
        first = runs.cycles(self.texts, mode == "lost")
        later = None if mode == "lost" else runs.cycles(changed(self.texts), True)
        wrong = peer.complaints + peer.broken
        if mode == "state":
            wrong += runs.known(peer)
        return first, later, wrong

    def outcomes(self, sets, options=(), modes=MODES):
        asked = [(names, mode) for names in sets for mode in modes]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            found = dict(zip(asked, pool.map(lambda a: self.outcome(*a, options), asked)))
        print_table(sets, modes, found)
        return found

    def check_all(self, found, refuses):
        for (names, mode), (first, later, wrong) in found.items():
            with self.subTest(",".join(names), mode=mode):
                self.assertEqual(wrong, [])
                if DOUBLED & set(names) and mode != "state":
                    self.assertEqual(set(first[0][1:]), {(5, 0)})
                    continue
                if DOUBLED & set(names):    # the sync that creates them says so; its state knows which one is meant
                    self.assertEqual(first[0][0][0], 5)
                    first[0][0] = (0, first[0][0][1])
                for phase in (first, later) if later else (first,):
                    last = phase[0][-1][0]
                    self.check(*phase, code=last if refuses & set(names) else 0)

    # Each mode is a test of its own, so that they run side by side.
    def test_each_habit_alone_where_the_state_stays(self):
        self.check_each_habit("state")

    def test_each_habit_alone_where_the_state_is_lost(self):
        self.check_each_habit("lost")

    def test_each_habit_alone_where_there_is_only_git(self):
        self.check_each_habit("git")

    def check_each_habit(self, mode):
        left_out = {*STOPS, *OF_EXECUTIONS, *(WITH_STATE_ONLY if mode != "state" else ())}
        names = [(VALUES.get(name, name),) for name in habits.HABITS if name not in left_out]
        found = self.outcomes(names, modes=(mode,))
        self.check_all(found, REFUSES)
        for (names, _), (first, _, _) in found.items():
            self.assertEqual(first[0][0][0] == 4, bool(REFUSES & set(names)), names)

    def test_random_sets_and_all(self):
        good = [n for n in habits.HABITS if n not in NOT_IN_SETS]
        draw = random.Random(11)
        sets = [tuple(good), ("lower-tags", "reorder"), ("trim-text", "reorder", "text-numbers")]
        sets += [tuple(draw.sample(good, draw.randint(2, 10))) for _ in range(RANDOM_SETS)]
        self.check_all(self.outcomes(sets), REFUSES)

    def test_where_the_spec_is_the_whole_truth_what_the_service_fills_in_is_its_habit(self):
        sets = [("defaults",), ("null-keys", "extra-keys", "watcher-ids"), ("many-triggers",),
                ("hide-retry", "hide-metadata", "hide-tokens", "hide-auth"), ("defaults", "reorder", "text-numbers")]
        self.check_all(self.outcomes(sets, ("--undeclared", "remove")), set())

    def test_where_nothing_can_be_remembered_the_report_says_so(self):
        for (names, mode), (first, later, wrong) in self.outcomes([(FORGETS, "hide-tokens"), (FORGETS, "trim-text")]).items():
            with self.subTest(",".join(names), mode=mode):
                self.assertEqual(wrong, [])
                if mode == "state":
                    self.check(*first)
                    self.check(*later)
                if mode == "git":   # what is hidden, or a habit, is written each time, and nothing else
                    (_, again), report = first
                    wrote = [w for w in report["workflows"] if w["result"] == "applied"]
                    self.assertTrue(all(w["changes"] for w in wrote), report)
                    self.assertEqual(again[0], 0)
                    self.assertIn(len(wrote), range(1, len(self.texts)))
                    self.assertTrue(any("keep flowsync's tags" in w["message"] for w in report["warnings"]), report)

    def test_marking_ends(self):
        self.check_all(self.outcomes([("runs",), ("lower-tags", "reorder")], ("--mark",)), set())


def print_table(sets, modes, found):
    lines = ["", "exit/writes of sync, sync (lost: plan) | with other specs sync, sync, plan", f"{'':18}" +
             "".join(f"  {mode:27}" for mode in modes)]
    for names in sets:
        cells = []
        for mode in modes:
            first, later, _ = found[names, mode]
            cells.append(" | ".join(" ".join(f"{c}/{w}" for c, w in phase[0]) for phase in (first, later) if phase))
        label = ",".join(names)
        label = label if len(label) <= 18 else f"{len(names)}: {label[:13]}.."
        lines.append(f"{label:18}" + "".join(f"  {cell:27}" for cell in cells))
    print("\n".join(lines), file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
