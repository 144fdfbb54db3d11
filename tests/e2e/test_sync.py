"""plan and sync against a real service: what is written, what is left alone, and what is told of it."""
import itertools
import json
import re
import signal
import threading
import time
import unittest

import flowsync

EXAMPLES = flowsync.ROOT / "examples/workflows"
LIST = "list workflows, page 1: "
READS = {"list_workflows", "describe_workflow", "get_default_resource"}


def spec(name, command="make all", more=""):
    """A workflow of one step; more: other keys of the body, as lines."""
    return f"name: {name}\nsteps:\n  only:\n    imageId: 7\n    command: {command}\n{more}"


def body(name, command="make all", **more):
    """The same as the service takes it."""
    return {"name": name, "steps": {"only": {"type": "standard", "imageId": 7, "command": command}}, **more}


class SyncCase(flowsync.ServiceCase):
    def sync(self, *args, code=0, **options):
        return self.expect(code, "sync", "-o", "json", *args, **options).json()

    def plan(self, *args, code=0, **options):
        return self.expect(code, "plan", "--detailed-exitcode", "-o", "json", *args, **options).json()

    def assertNoWrites(self, report):
        self.assertLessEqual(set(report["requests"]["by_operation"]), READS)

    def assertConverged(self, specs):
        """The law: a cycle over an unchanged source and service plans nothing and writes nothing."""
        self.assertEqual(self.plan(specs)["outcome"], "converged")
        again = self.sync(specs)
        self.assertEqual(again["outcome"], "converged", again)
        self.assertNoWrites(again)

    def changes(self, report, name):
        """{path: (op, from, to)} of one workflow of a report."""
        found = [w for w in report["workflows"] if w["name"] == name]
        self.assertEqual(len(found), 1, report)
        return {c["path"]: (c["op"], c["from"], c["to"]) for c in found[0]["changes"]}

    def results(self, report):
        return {w["name"]: (w["action"], w["result"]) for w in report["workflows"]}


class ConvergeTest(SyncCase):
    def test_a_second_sync_of_the_examples_sends_no_write(self):
        plan = self.plan(EXAMPLES, code=2)
        self.assertEqual(plan["outcome"], "changes-pending")
        self.assertEqual(plan["summary"]["create"], 7)
        self.assertNoWrites(plan)
        self.assertEqual(self.service.workflows(), [])
        first = self.sync(EXAMPLES)
        self.assertEqual(first["outcome"], "applied")
        self.assertEqual({w["result"] for w in first["workflows"]}, {"applied"})
        self.assertEqual(first["requests"]["by_operation"]["create_workflow"], 7)
        self.assertConverged(EXAMPLES)

    def test_a_plan_on_stdout_ends_with_counts_and_what_a_sync_costs(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        self.service.create(body("b", "make none"))
        out = self.expect(0, "plan", specs).out
        self.assertEqual(out, f"""\
+ create    a  {specs}/a.yaml:1
    + name: a
    + steps:
    +   only:
    +     type: standard
    +     imageId: 7
    +     command: make all
~ change    b (id 1)  {specs}/b.yaml:1
    ~ /steps/only/command  "make none" -> "make all"  line 5

Plan: 1 to create, 1 to change, 0 to delete; 0 unchanged
A sync sends about 9 requests and takes about a second.
""")
        self.assertTrue(self.expect(0, "sync", specs).out.endswith(
            "\nSync: 1 created, 1 changed, 0 deleted; 0 unchanged\n"))
        self.assertEqual(self.expect(0, "sync", specs).out,
                         "Sync: 0 created, 0 changed, 0 deleted; 2 unchanged\n")

    def test_each_kind_of_change_is_planned_applied_and_then_at_rest(self):
        before = spec("w", more="  gone: {imageId: 7, command: rm x}\ntriggers: [{cron: 0 1 * * *}]\n")
        cases = {
            "a changed command": (
                before.replace("make all", "make most"), "patch",
                {"/steps/only/command": ("replace", "make all", "make most")}),
            "an added key": (
                before.replace("make all", "make all\n    stepTimeout: 60"), "patch",
                {"/steps/only/stepTimeout": ("replace", 0, 60)}),
            "an added list": (
                before + "tags: [{name: x}]\n", "patch", {"/tags/0": ("add", None, {"name": "x"})}),
            "an added step": (
                before.replace("  gone:", "  more: {imageId: 8, command: ls}\n  gone:"), "patch",
                {"/steps/more": ("add", None, {"imageId": 8, "command": "ls", "type": "standard"})}),
            "a changed trigger": (
                before.replace("0 1 * * *", "0 2 * * *"), "patch",
                {"/triggers/0": ("remove", {"cron": "0 1 * * *"}, None)}),
            "no trigger any more": (
                before.replace("[{cron: 0 1 * * *}]", "[]"), "patch",
                {"/triggers/0": ("remove", {"cron": "0 1 * * *"}, None)}),
            "a removed step": (
                before.replace("  gone: {imageId: 7, command: rm x}\n", ""), "replace",
                {"/steps/gone": ("remove", "command", None)}),
        }
        for what, (after, action, wanted) in cases.items():
            with self.subTest(what):
                specs = self.write({"w.yaml": before})
                self.sync(specs)
                self.write({"w.yaml": after})
                planned = self.plan(specs, code=2)
                self.assertEqual(self.results(planned), {"w": (action, "planned")})
                found = self.changes(planned, "w")
                for path, change in wanted.items():
                    if path == "/steps/gone":
                        self.assertEqual((found[path][0], found[path][1][change[1]]), ("remove", "rm x"))
                    else:
                        self.assertEqual(found[path], change)
                synced = self.sync(specs)
                self.assertEqual(self.results(synced), {"w": (action, "applied")})
                self.assertEqual(self.changes(synced, "w"), found)
                self.assertConverged(specs)

    def test_a_key_that_the_spec_never_had_is_left_alone(self):
        self.service.create(body("w", watchers=[{"user": "a@b.c", "events": {"fail": True}}],
                                 retryOptions={"numberOfRetries": 2}))
        specs = self.write({"w.yaml": spec("w", "make more")})
        self.sync(specs)
        now = self.service.describe("w")
        self.assertEqual(now["steps"]["only"]["command"], "make more")
        self.assertEqual(now["retryOptions"], {"numberOfRetries": 2})
        self.assertEqual(now["watchers"], [{"user": "a@b.c", "events": {"fail": True}}])

    def test_a_webhook_keeps_its_address_over_an_update(self):
        specs = self.write({"w.yaml": spec("w", more="triggers: [{cron: 0 1 * * *}, {webhook: true}]\n")})
        self.sync(specs)

        def describe(*args):
            return self.expect(0, "workflow", "describe", "w", "-o", "json", *args,
                               may_show_secrets=True).json()
        address = describe("--show-masked")["triggers"][1]["webhook"]
        self.assertRegex(address, r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
        self.assertEqual(describe()["triggers"][1], {"webhook": "(masked #1)"})
        self.secrets.append(address)
        self.write({"w.yaml": spec("w", "make less", "triggers: [{webhook: true}, {cron: 0 2 * * *}]\n")})
        self.sync(specs)
        after = describe("--show-masked")["triggers"]
        self.assertEqual([t["webhook"] for t in after if "webhook" in t], [address])
        self.assertEqual([t["cron"] for t in after if "cron" in t], ["0 2 * * *"])
        self.assertConverged(specs)

    def test_an_undeclared_workflow_is_left_alone(self):
        self.service.create(body("stranger"))
        before = self.service.describe("stranger")
        report = self.sync(self.write({"w.yaml": spec("w")}))
        self.assertEqual(report["summary"]["observed"], 1)
        self.assertEqual(self.service.describe("stranger"), before)

    def test_what_was_changed_by_hand_is_set_right(self):
        self.sync(EXAMPLES)
        before = self.service.describe("hello")
        self.service.update("hello", body("hello", "rm -rf /"))
        self.assertEqual(self.results(self.plan(EXAMPLES, code=2)), {"hello": ("replace", "planned")})
        self.sync(EXAMPLES)
        after = self.service.describe("hello")
        del before["updatedAt"], after["updatedAt"]
        self.assertEqual(after, before)

    def test_what_was_deleted_by_hand_is_made_again(self):
        self.sync(EXAMPLES)
        self.service.delete("month-end")
        self.assertEqual(self.results(self.sync(EXAMPLES)), {"month-end": ("create", "applied")})
        self.assertConverged(EXAMPLES)

    def test_a_paused_workflow_stays_paused(self):
        specs = self.write({"w.yaml": spec("w")})
        self.sync(specs)
        self.service.good("POST", f"/workflows/{self.service.id_of('w')}/pause", {})
        self.write({"w.yaml": spec("w", "make more")})
        self.sync(specs)
        self.assertEqual(self.service.describe("w")["status"], "Paused")

    def test_three_hundred_workflows(self):
        specs = self.write({f"{i % 7}/{i}.yaml": spec(f"w{i}") for i in range(300)})
        self.assertEqual(self.sync(specs)["summary"]["create"], 300)
        self.write({"3/3.yaml": spec("w3", "make some")})
        report = self.sync(specs)
        self.assertEqual(self.results(report), {"w3": ("patch", "applied")})
        self.assertEqual(report["requests"]["by_operation"],
                         {"list_workflows": 3, "describe_workflow": 302, "update_workflow": 1})


class ChoiceTest(SyncCase):
    """What is not looked at, or meant another way, because somebody said so."""

    def test_only_what_is_named_is_planned_and_counted(self):
        specs = self.write({"a.yaml": spec("a-1") + "---\n" + spec("a-2"), "b.yaml": spec("b-1"),
                            "c.yaml": spec("c-1")})
        report = self.sync("--only", "a-*", "--only", "c-?", specs)
        self.assertEqual(sorted(self.results(report)), ["a-1", "a-2", "c-1"])
        self.assertEqual(report["summary"]["declared"], 3)
        self.assertEqual(sorted(w["name"] for w in self.service.workflows()), ["a-1", "a-2", "c-1"])

    def test_a_pattern_that_fits_no_spec_is_told_of(self):
        specs = self.write({"a.yaml": spec("a")})
        result = self.expect(0, "plan", "--only", "b*", specs)
        self.assertEqual(result.err, 'flowsync: warning: only "b*": no declared workflow has such a name\n')

    def test_variables_come_from_a_file_and_from_the_line_which_wins(self):
        specs = self.write({"a.yaml": spec("a", '"make {{ what }} {{how}} {{ os_env.WHERE }}"')})
        vars_file = self.write({"vars.yaml": "what: {}\n".format("most") + "how: slowly\n"}, "vars")
        self.sync("--vars", vars_file / "vars.yaml", "--set", "how=fast=now", specs, env={"WHERE": "here"})
        self.assertEqual(self.service.describe("a")["steps"]["only"]["command"], "make most fast=now here")

    def test_without_variables_nothing_is_deployed_unless_it_is_meant(self):
        specs = self.write({"a.yaml": spec("a", '"make {{ what }}"')})
        self.assertIn('unknown variable "what"', self.expect(65, "sync", specs).err)
        self.sync("--passthrough", "what", specs)
        self.assertEqual(self.service.describe("a")["steps"]["only"]["command"], "make {{ what }}")

    def test_a_suspended_workflow_is_left_alone(self):
        self.service.create(body("a", "make none"))
        specs = self.write({"a.yaml": "flowsync: {suspend: yes}\n" + spec("a"),
                            "b.yaml": "flowsync: {suspend: yes}\n" + spec("b")})
        report = self.sync(specs)
        self.assertEqual(self.results(report), {"a": ("none", "suspended"), "b": ("none", "suspended")})
        self.assertEqual(report["summary"]["suspended"], 2)
        self.assertNoWrites(report)
        self.assertEqual(self.expect(0, "sync", specs).out.splitlines()[-1],
                         "Sync: 0 created, 0 changed, 0 deleted; 0 unchanged, 2 suspended")

    def test_what_is_to_be_ignored_is_not_compared(self):
        specs = self.write({"a.yaml": "flowsync: {ignore: [/steps/*/command, /tags]}\n" + spec("a")})
        self.sync(specs)
        self.service.update("a", body("a", "rm -rf /", tags=[{"name": "mine"}]))
        self.assertConverged(specs)
        self.write({"a.yaml": spec("a")})
        self.assertEqual(list(self.changes(self.plan(specs, code=2), "a")), ["/steps/only/command"])

    def test_a_renamed_workflow_keeps_its_id(self):
        old = self.service.create(body("old", triggers=[{"webhook": True}]))
        address = self.service.describe("old")["triggers"]
        specs = self.write({"a.yaml": "flowsync: {renamed_from: old}\n" + spec("new")})
        report = self.sync(specs)
        self.assertEqual(self.changes(report, "new"), {"/name": ("replace", "old", "new")})
        self.assertEqual([w["name"] for w in self.service.workflows()], ["new"])
        self.assertEqual(self.service.id_of("new"), old)
        self.assertEqual(self.service.describe("new")["triggers"], address)
        self.assertConverged(specs)

    def test_the_old_and_the_new_name_together_are_a_conflict(self):
        ids = [self.service.create(body(name)) for name in ("old", "new")]
        specs = self.write({"a.yaml": "flowsync: {renamed_from: old}\n" + spec("new", "make other")})
        report = self.sync(specs, code=5)
        self.assertEqual(report["workflows"][0]["error"],
                         f'renamed_from: "old" (id {ids[0]}) and "new" (id {ids[1]}) are both on the service')
        self.assertNoWrites(report)

    def test_doubled_names_are_a_conflict_and_all_others_are_applied(self):
        ids = [self.service.create(body("twin", "make none")) for _ in range(2)]
        specs = self.write({"a.yaml": spec("twin"), "b.yaml": spec("b")})
        report = self.sync(specs, code=5)
        self.assertEqual(report["outcome"], "conflict")
        self.assertEqual(self.results(report), {"twin": ("none", "conflict"), "b": ("create", "applied")})
        sentence = (f'the service has 2 workflows called "twin" (ids {ids[0]}, {ids[1]}): '
                    "it is unclear which one is meant")
        self.assertEqual(report["workflows"][0]["error"], sentence)
        self.assertIn(f"\n    {sentence}\n", self.expect(5, "plan", specs).out)
        for twin in ids:
            self.assertEqual(self.service.good("GET", f"/workflows/{twin}")["steps"]["only"]["command"],
                             "make none")

    def test_a_name_that_is_part_of_another_is_not_taken_for_it(self):
        self.service.create(body("report-2"))
        specs = self.write({"a.yaml": spec("report")})
        self.assertEqual(self.results(self.sync(specs)), {"report": ("create", "applied")})
        self.assertEqual(len(self.service.workflows()), 2)

    def test_where_the_directory_is_named(self):
        specs = self.write({"a.yaml": spec("a")})
        for args, env in ((["--dir", specs], {}), ([], {"FLOWSYNC_DIR": specs})):
            self.assertEqual(self.expect(0, "plan", *args, env=env).out.splitlines()[0],
                             f"+ create    a  {specs}/a.yaml:1")
        self.assertEqual(self.expect(64, "plan", endpoint=None).err,
                         "flowsync: error: no directory is given: flowsync plan DIR, --dir DIR, FLOWSYNC_DIR, "
                         "or source: {dir: ...} of the sync in the configuration file\n")


class PaceTest(SyncCase):
    """How many requests at a time, for how long, and how it is stopped."""

    def test_one_request_at_a_time(self):
        busy, together = threading.Lock(), []

        def watch(request, pass_on):
            if not busy.acquire(blocking=False):
                together.append(request.path)
                return
            time.sleep(0.1)
            busy.release()
        specs = self.write({f"{i}.yaml": spec(f"w{i}") for i in range(5)})
        self.sync("--concurrency", 1, specs, endpoint=self.between(watch).endpoint)
        self.assertEqual(together, [])

    def test_many_requests_at_a_time(self):
        everyone = threading.Barrier(20)

        def watch(request, pass_on):
            if request.method == "POST":
                everyone.wait(flowsync.TIMEOUT)
        specs = self.write({f"{i}.yaml": spec(f"w{i}") for i in range(20)})
        report = self.sync("--concurrency", 64, specs, endpoint=self.between(watch).endpoint)
        self.assertEqual(report["summary"]["create"], 20)
        self.assertFalse(everyone.broken)

    def test_a_number_out_of_range_is_refused(self):
        for number in ("0", "65", "many"):
            result = self.expect(64, "plan", "--concurrency", number, EXAMPLES, endpoint=None)
            self.assertEqual(result.err, f'flowsync: error: --concurrency: "{number}" is not a whole number '
                                         "from 1 to 64\n")

    def test_when_the_time_is_over_before_anything_was_asked_nothing_is_done(self):
        report = self.sync("--timeout", "1ms", self.write({"a.yaml": spec("a")}), code=1)
        self.assertEqual(report["outcome"], "failed")
        self.assertEqual([e["message"] for e in report["errors"]],
                         ["list workflows: not sent: flowsync was stopped, or its time limit (--timeout) had passed"])
        self.assertEqual(report["requests"]["total"], 0)

    def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_there_is_time(self):
        over = threading.Event()
        self.addCleanup(over.set)
        fake = self.fake(lambda request: over.wait(flowsync.TIMEOUT) and (503, ""))
        report = self.sync("--timeout", "1500ms", self.write({"a.yaml": spec("a")}), code=1,
                           endpoint=fake.endpoint)
        self.assertEqual([e["message"] for e in report["errors"]],
                         [f"list workflows, page 1: no whole answer from {fake.endpoint[7:]} before the time was over"])

    def overtime(self, name):
        """A service with which the create of that name is sent shortly before five seconds are over since the first
        request, and answered after them."""
        first = []

        def slow(request, pass_on):
            first.append(time.monotonic())
            if f"searchTerm={name}" in request.path:
                time.sleep(max(0, first[0] + 3.5 - time.monotonic()))
            if f'"{name}"' in request.body:
                time.sleep(max(0, first[0] + 5.1 - time.monotonic()))
        return self.between(slow).endpoint

    def test_a_write_is_waited_for_though_the_time_is_over(self):
        report = self.sync("--timeout", "5s", self.write({"a.yaml": spec("a")}), endpoint=self.overtime("a"))
        self.assertEqual(self.results(report), {"a": ("create", "applied")})

    def test_when_the_time_is_over_in_the_middle_what_is_left_is_deferred(self):
        specs = self.write({f"{i}.yaml": spec(f"w{i}") for i in range(5)})
        report = self.sync("--timeout", "5s", "--concurrency", 1, specs, code=4, endpoint=self.overtime("w1"))
        self.assertEqual(report["outcome"], "partial")
        self.assertWhole(report)

    def assertWhole(self, report):
        """Each step was carried out and checked, or was not begun: nothing lies between."""
        there = {w["name"] for w in self.service.workflows()}
        by = {}
        for w in report["workflows"]:
            by.setdefault(w["result"], set()).add(w["name"])
        self.assertEqual(by.pop("applied", set()), there)
        self.assertTrue(there and by.get("deferred"), report)
        self.assertEqual(set(by), {"deferred"})

    def interrupted(self, number):
        begun, told = threading.Semaphore(0), threading.Event()

        def slow(request, pass_on):
            if request.method == "POST":
                begun.release()
                told.wait(flowsync.TIMEOUT)
        fake = self.between(slow)
        specs = self.write({f"{i}.yaml": spec(f"w{i}") for i in range(6)})
        report_file = self.tmp / "report.json"
        process = self.start("sync", "-o", "json", "--concurrency", 2, "--report", report_file, specs,
                             endpoint=fake.endpoint)
        for _ in range(2):
            self.assertTrue(begun.acquire(timeout=flowsync.TIMEOUT))
        self.tell(process, number)
        told.set()
        result = self.finish(process)
        self.assertEqual(result.code, 128 + number, result)
        report = result.json()
        self.assertEqual((report["outcome"], report["exit_code"]), ("interrupted", 128 + number))
        self.assertEqual(json.loads(report_file.read_text()), report)
        self.assertWhole(report)
        self.assertEqual(len(fake.told("POST")), 2)
        # The next one finds what was left.
        after = self.sync(specs)
        self.assertEqual(after["requests"]["by_operation"]["create_workflow"], 4)

    def test_sigint_finishes_the_steps_in_flight_and_begins_no_other(self):
        self.interrupted(signal.SIGINT)

    def test_sigterm_finishes_the_steps_in_flight_and_begins_no_other(self):
        self.interrupted(signal.SIGTERM)

    def stopped_while(self, is_hanging, *args, number=signal.SIGTERM):
        """What args gave, stopped when the first request that hangs had come."""
        came, over = threading.Event(), threading.Event()

        def hang(request, pass_on):
            if is_hanging(request):
                came.set()
                over.wait(flowsync.TIMEOUT)
        process = self.start(*args, "-o", "json", endpoint=self.between(hang).endpoint)
        self.addCleanup(over.set)   # before the program is reaped, so that its end is its own
        self.assertTrue(came.wait(flowsync.TIMEOUT))
        self.interrupt(process, number)
        result = self.finish(process)
        self.assertEqual(result.code, 128 + number, result)
        return result.json()

    def test_sigterm_ends_a_list_that_hangs(self):
        specs = self.write({"a.yaml": spec("a")})
        for command, number in (("plan", signal.SIGINT), ("sync", signal.SIGTERM)):
            report = self.stopped_while(lambda request: True, command, specs, number=number)
            self.assertEqual([e["message"] for e in report["errors"]], [f"{LIST}it was stopped"])
            self.assertEqual((report["outcome"], report["workflows"]), ("interrupted", []))

    def test_sigterm_ends_a_describe_that_hangs_and_its_workflow_is_deferred(self):
        self.service.create(body("a", "make none"))
        self.service.create(body("b", "make none"))
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        report = self.stopped_while(lambda request: request.path.endswith("/workflows/2"),
                                    "sync", "--concurrency", 1, specs)
        self.assertEqual(self.results(report), {"a": ("patch", "deferred"), "b": ("none", "deferred")})
        self.assertEqual([w["error"] for w in report["workflows"]],
                         ["not started: the cycle was stopped, or its time limit (--timeout) had passed",
                          'describe workflow 2 "b": it was stopped'])
        self.assertNoWrites(report)

    def test_sigterm_ends_the_lookup_before_a_create_that_hangs(self):
        specs = self.write({"a.yaml": spec("a")})
        report = self.stopped_while(lambda request: "searchTerm" in request.path, "sync", specs)
        self.assertEqual(self.results(report), {"a": ("create", "deferred")})
        self.assertEqual(self.service.workflows(), [])

    def test_sigterm_ends_an_import_that_hangs(self):
        self.service.create(body("a"))
        hangs = (lambda request: True, lambda request: request.path.endswith("/workflows/1"))
        for is_hanging, what in zip(hangs, (LIST, 'describe workflow 1 "a": ')):
            report = self.stopped_while(is_hanging, "import", "--out", self.tmp / "out")
            self.assertEqual([e["message"] for e in report["errors"]], [what + "it was stopped"])
            self.assertEqual(list(self.tmp.glob("out/*")), [])

    def test_sigterm_ends_a_wait_at_once(self):
        fake = self.fake(lambda request: (503, {"detail": "later"}, {"Retry-After": "500"}))
        specs = self.write({"a.yaml": spec("a")})
        process = self.start("sync", "-o", "json", specs, endpoint=fake.endpoint)
        line = process.stderr.readline()
        self.assertRegex(line, r"\Aflowsync: list workflows, page 1: the service answered 503; "
                               r"trying again in \d+\.\d s\n\Z")
        self.interrupt(process, signal.SIGTERM)
        result = self.finish(process)
        self.assertEqual(result.code, 143)
        self.assertEqual(result.json()["errors"][0]["message"],
                         "list workflows, page 1: the service answered 503 (unavailable): later")


class TerminalTest(SyncCase):
    def test_progress_is_shown_on_a_terminal_and_wiped_away(self):
        specs = self.write({f"{i}.yaml": spec(f"w{i}") for i in range(3)})

        def slow(request, pass_on):
            time.sleep(0.13)
        fake = self.between(slow)
        out = self.expect(0, "sync", "--concurrency", 1, specs, endpoint=fake.endpoint, terminal=True).out
        self.assertIn("\rlisting workflows: 0\x1b[K", out)
        self.assertRegex(out, r"\rapplying: [0-3] of 3\x1b\[K")
        self.assertRegex(out, r"\r\x1b\[K.*\+.*created")
        quiet = self.expect(0, "plan", specs, endpoint=fake.endpoint)
        self.assertEqual(quiet.err, "")

    def test_an_import_shows_its_progress_as_well(self):
        for name in "abc":
            self.service.create(body(name))
        fake = self.between(lambda request, pass_on: time.sleep(0.13))
        out = self.expect(0, "import", "--concurrency", 1, "--out", self.tmp / "out", endpoint=fake.endpoint,
                          terminal=True).out
        self.assertIn("\rlisting workflows: 0\x1b[K", out)
        self.assertRegex(out, r"\rreading: [0-3] of 3\x1b\[K\r\x1b\[K *ID")

    def test_a_line_of_the_log_does_not_run_into_the_progress(self):
        count = itertools.count()

        def late(request, pass_on):
            if next(count) == 0:
                time.sleep(0.3)
                return 503, {"detail": "later"}
        specs = self.write({"a.yaml": spec("a")})
        wanted = (r"\rlisting workflows: 0\x1b\[K\r\x1b\[Kflowsync: list workflows, page 1: "
                  r"the service answered 503; trying again in 0\.\d s\n")
        for args in (["plan", specs], ["import", "--out", self.tmp / "out"]):
            count = itertools.count()
            self.assertRegex(self.expect(0, *args, endpoint=self.between(late).endpoint, terminal=True).out, wanted)

    def test_colours_only_where_they_are_wanted(self):
        specs = self.write({"a.yaml": spec("a")})
        self.assertIn("\x1b[32m", self.expect(0, "plan", specs, terminal=True).out)
        self.assertNotIn("\x1b[3", self.expect(0, "plan", specs, terminal=True, env={"NO_COLOR": "1"}).out)
        self.assertNotIn("\x1b", self.expect(0, "plan", specs).out)
        self.assertIn("\x1b[32m", self.expect(0, "plan", "--color", "always", specs).out)


if __name__ == "__main__":
    unittest.main()
