"""Each row of the table in agent/docs/sdk-operations.md that is about executions, by its command and on the local service
itself, and every field of each answer against the contract, 4.1 and 4.3 to 4.5."""
import datetime
import re
import time
import unittest
import urllib.parse

import flowsync
from run_case import UUID, RunCase, step

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NOBODY = "00000000-0000-4000-8000-000000000000"
TOKEN = re.compile(r"f/\d+/s")


def milliseconds(stamp):
    return round(datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)


class RowCase(RunCase):
    def setUp(self):
        super().setUp()
        self.go = self.tmp / "go"

    def held(self, *parents, **more):
        """A step that runs until self.go is there."""
        return step(f"echo held; while ! test -e {self.go}; do sleep 0.05; done", *parents, **more)

    def same(self, found, wanted):
        """found has exactly these keys; a value is one of: what is wanted, a pattern, a type, what tells by itself."""
        if isinstance(wanted, dict):
            self.assertIsInstance(found, dict)
            self.assertEqual(sorted(found), sorted(wanted))
            for key in wanted:
                with self.subTest(key):
                    self.same(found[key], wanted[key])
        elif isinstance(wanted, list):
            self.assertIsInstance(found, list)
            self.assertEqual(len(found), len(wanted), found)
            for pair in zip(found, wanted):
                self.same(*pair)
        elif isinstance(wanted, re.Pattern):
            self.assertRegex(found, rf"\A(?:{wanted.pattern})\Z")
        elif isinstance(wanted, type):
            self.assertIs(type(found), wanted)
        else:
            self.assertEqual(found, wanted)

    def spans(self, told, began="executedAt", ended="finishedAt"):
        """It took as long as it says."""
        ms = milliseconds(told[ended]) - milliseconds(told[began])
        self.assertGreaterEqual(ms, 0)
        self.assertLess(ms, flowsync.TIMEOUT * 1000)
        self.assertLess(abs(milliseconds(told[ended]) - time.time() * 1000), flowsync.TIMEOUT * 1000)
        return ms


STAMPED, WORD = re.compile(STAMP), re.compile(UUID)


class ExecuteTest(RowCase):
    def test_a_run_is_begun_and_its_id_is_the_whole_answer(self):
        self.create("w", overlap=True, a=step("true"))
        said = self.workflow("execute", "w").out
        self.assertRegex(said, rf'\Astarted execution {UUID} of workflow 1 "w"\n\Z')
        self.same(self.workflow("execute", "w", "-o", "json").json(), {"executionId": WORD})
        self.same(self.service.good("POST", "/workflows/1/execute", {}), {"executionId": WORD})
        self.assertIn(said.split()[2], [run["executionId"] for run in self.wait_runs("w", 3)])

    def test_parameters_and_steps_reach_the_run(self):
        self.create("w", a=step("echo $A $B; exit 1", env={"A": "env", "B": "env"}), b=step("echo $A $B", "a"),
                    c=step("echo $A $B", "b"), d=step("echo d"))
        self.workflow("execute", "w", "--param", "A=global", "--param", "B=2", "--step-param", "c.A=own", "--step",
                      "b:dag", "--wait")
        details = self.details("w", self.executions("w")[0]["executionId"])
        self.assertEqual(self.states(details), {"a": "Skipped", "b": "Success", "c": "Success", "d": "Skipped"})
        self.assertEqual(self.logs("w", details), {"a": [], "b": ["global 2"], "c": ["own 2"], "d": []})

    def test_the_exit_code_of_waiting_tells_how_it_ended(self):
        self.create("good", a=step("echo said"))
        self.create("bad", a=step("echo said; exit 3"))
        for name, code, status in (("good", 0, "Success"), ("bad", 4, "Failed")):
            self.assertRegex(self.workflow("execute", name, "--wait", code=code).out,
                             rf'\Astarted execution ({UUID}) of workflow \d "{name}"\nexecution \1: {status} after \d\.\ds\n')
        self.assertIn("said\n", self.workflow("execute", "good", "--follow").out)
        self.assertIn("said\n", self.workflow("execute", "bad", "--follow", code=4).out)

    def test_what_is_refused(self):
        self.create("w", a=self.held())
        self.workflow("execute", "w")
        self.assertRegex(self.refused(1, "execute", "w"), "409.*workflow 1 is running already, and does "
                         r"not allow concurrent executions \(metadata\.allowConcurrentExecution\)")
        self.assertRegex(self.refused(1, "execute", "none"), "none")
        self.go.touch()
        self.wait_runs("w")
        self.assertEqual(self.service.request("POST", "/workflows/1/execute", {"stepsToRun": [{"stepName": "x"}]}),
                         (400, {"detail": 'workflow 1 cannot be executed: stepsToRun: there is no step "x"'}))


class ExecutionsTest(RowCase):
    def test_every_field(self):
        self.create("w", overlap=True, a=step("test -z \"$BAD\""), b=self.held("a"))
        bad = self.begin("w", params={"global": {"BAD": "1"}})
        self.wait_over("w", bad, "Failed")
        stopped = self.begin("w")
        self.wait_step("w", stopped, "b")
        self.workflow("stop", "w", stopped)
        self.wait_over("w", stopped, "Stopped")
        interrupted = self.begin("w")
        self.wait_step("w", interrupted, "b")
        self.service.stop()
        self.service.start()
        self.wait_over("w", interrupted, "Failed")
        running = self.begin("w")
        self.wait_step("w", running, "b")

        entry = {"executionId": WORD, "status": str, "executedAt": STAMPED, "reruns": []}
        over = entry | {"finishedAt": STAMPED, "duration": re.compile(r"00:00:\d\d")}
        page = self.service.good("GET", "/workflows/executions/1")
        self.same(page, {
            "pageSize": 25, "pageNumber": 1, "pageCount": 1, "workflowId": 1, "executionCount": 4, "executionsCount": 4,
            "executions": [
                entry | {"executionId": running, "status": "Running"},
                over | {"executionId": interrupted, "status": "Failed", "reruns": [{
                    "rerunId": WORD, "status": "Failed", "executedAt": STAMPED, "finishedAt": STAMPED,
                    "duration": re.compile(r"00:00:\d\d")}]},
                over | {"executionId": stopped, "status": "Stopped", "stoppedBy": "local"},
                over | {"executionId": bad, "status": "Failed"}]})
        for run in page["executions"][1:]:
            seconds = self.spans(run) // 1000
            self.assertEqual(run["duration"], f"00:00:{seconds:02}")
        rerun = page["executions"][1]["reruns"][0]
        self.assertEqual(rerun["duration"], f"00:00:{self.spans(rerun) // 1000:02}")
        self.assertGreaterEqual(rerun["executedAt"], page["executions"][1]["executedAt"])
        self.assertEqual(rerun["finishedAt"], page["executions"][1]["finishedAt"])
        self.assertEqual(self.workflow("executions", "w", "-o", "json").json(), page | {"pageSize": 100})
        table = self.workflow("executions", "w").out.splitlines()
        self.assertEqual(re.split(" {2,}", table[0]),
                         ["EXECUTION", "STATUS", "STARTED", "FINISHED", "TIME", "STOPPED BY", "RERUNS"])
        self.assertEqual([line.split()[:3] for line in table[1:]],
                         [[run["executionId"], run["status"], run["executedAt"]] for run in page["executions"]])

        last = self.service.workflows()[0]["lastExecution"]
        self.same(last, {"executionId": running, "executedAt": STAMPED, "status": "Running", "rerunId": None})
        self.go.touch()

    def test_all_filters(self):
        self.create("w", a=step("exit ${CODE:-0}"))
        self.create("other", a=step("true"))
        runs = []
        for code in "0130":
            run = self.begin("w", params={"global": {"CODE": code}})
            details = self.wait_over("w", run)
            runs.insert(0, details)
            time.sleep(0.01)    # two do not begin in one millisecond
        self.run_to("Success", "other")
        ids, times = [r["executionId"] for r in runs], [r["executedAt"] for r in runs]
        for args, found in (((), ids),
                            (("--status", "Success"), [ids[0], ids[3]]),
                            (("--status", "Failed"), ids[1:3]),
                            (("--status", "Failed", "--status", "Success"), ids),
                            (("--status", "Running"), []), (("--status", "Stopping"), []), (("--status", "Stopped"), []),
                            (("--count", "3"), ids[:3]),
                            (("--count", "1", "--status", "Failed"), ids[1:2]),
                            (("--date-from", times[1]), ids[:2]),
                            (("--date-to", times[1]), ids[1:]),
                            (("--date-from", times[2], "--date-to", times[1]), ids[1:3]),
                            (("--date-from", times[2], "--date-to", times[1], "--status", "Success"), []),
                            (("--page-size", "1"), ids),
                            (("--page-size", "3", "--page-number", "2"), ids[3:]),
                            (("--page-size", "3", "--page-number", "3"), []),
                            (("--page-size", "2", "--count", "3"), ids[:3]),
                            (("--page-size", "2", "--page-number", "2", "--count", "3"), ids[2:3])):
            with self.subTest(args):
                listed = self.workflow("executions", "w", *args, "-o", "json").json()["executions"]
                self.assertEqual([run["executionId"] for run in listed], found)
        for query, counts in (("?pageSize=3", (2, 1, 3, 4)), ("?pageSize=2&pageNumber=2&count=3", (2, 2, 2, 3)),
                              ("?statuses=Failed&statuses=Stopped", (1, 1, 25, 2)), ("?statuses=Stopped", (0, 1, 25, 0))):
            with self.subTest(query):
                page = self.service.good("GET", "/workflows/executions/1" + query)
                self.assertEqual(tuple(page[key] for key in ("pageCount", "pageNumber", "pageSize", "executionCount")),
                                 counts)
        self.assertEqual(self.refused(64, "executions", "w", "--date-from", "yesterday"),
                         "--date-from: expected a date and time such as 2024-01-07T18:00:00.000Z, or a date, "
                         'found "yesterday"')
        status, answer = self.service.request("GET", "/workflows/executions/1?dateFrom=yesterday")
        self.assertEqual(status, 400)
        self.assertRegex(answer["detail"], r"^dateFrom: expected a date and time such as 2024-01-07T18:00:00\.000Z")

    def test_workflows_are_found_by_their_last_run(self):
        self.create("never", a=step("true"))
        self.create("good", a=step("true"))
        self.create("bad", a=step("exit 1"))
        self.create("open", a=self.held())
        for name, status in (("good", "Success"), ("bad", "Failed")):
            self.run_to(status, name)
        self.begin("open")
        for args, names in ((("--last-execution-status", "Success"), ["good"]),
                            (("--last-execution-status", "Failed"), ["bad"]),
                            (("--last-execution-status", "Running", "--last-execution-status", "Failed"),
                             ["bad", "open"]),
                            (("--last-execution-status", "Stopped"), []),
                            (("--status", "Running"), ["open"]),
                            (("--status", "Available"), ["never", "good", "bad"])):
            with self.subTest(args):
                listed = self.workflow("list", *args, "-o", "json").json()["workflows"]
                self.assertEqual([w["name"] for w in listed], names)
        entries = {w["name"]: w for w in self.service.workflows()}
        self.assertNotIn("lastExecution", entries["never"])
        self.same(entries["good"]["lastExecution"],
                  {"executionId": WORD, "executedAt": STAMPED, "status": "Success", "rerunId": None})
        self.assertEqual(self.service.describe("good")["lastExecution"], entries["good"]["lastExecution"])
        self.go.touch()


class ExecutionTest(RowCase):
    def test_every_field_of_every_type_of_step(self):
        repository = {"url": "https://someone:pw@github.com/org/sql", "branch": "main", "filePath": "month.sql"}
        answer = self.fake(lambda request: (200, {"said": "yes"}))
        run = self.begin_and_wait("Failed", {
            "first": step("exit 0", resources={"instanceTypeId": 22, "storage": "20GB"}, imageVersionId=3),
            "ask": {"type": "http", "method": "get", "url": answer.endpoint + "/x", "parents": ["first"]},
            "query": {"type": "sql", "repository": repository, "parents": ["first"]},
            "late": {"type": "sql", "sqlQueryPath": "q.sql", "parents": ["query"]},
            "out": {"type": "export", "schema": "s", "table": "t", "sortBy": "c", "parents": ["late", "ask"]},
            "bad": step("exit 75", "first", retries=1),
        })
        begun = {"startedAt": STAMPED, "finishedAt": STAMPED}
        never = {"startedAt": None, "finishedAt": None, "attempts": 0, "status": "Skipped"}
        self.same(run, {
            "executionId": WORD, "status": "Failed", "executedAt": STAMPED, "finishedAt": STAMPED, "steps": [
                begun | {"name": "first", "stepType": "standard", "status": "Success", "attempts": 1,
                         "children": ["ask", "query", "bad"], "command": "exit 0", "image": "image-1:version-3",
                         "output": {"exitCode": "0", "message": "terminated"},
                         "resources": {"instanceTypeId": 22, "storage": "20 GB"}},
                begun | {"name": "ask", "stepType": "http", "status": "Success", "attempts": 1, "children": ["out"],
                         "output": {"exitCode": "200", "message": "terminated"}},
                begun | {"name": "query", "stepType": "sql", "status": "Failed", "attempts": 1, "children": ["late"],
                         "output": {"exitCode": "", "message": "this service cannot run sql steps: set serve.sql to the "
                                    "command for them"},
                         "source": {"type": "GITHUB", "url": "https://(masked #1)@github.com/org/sql",
                                    "filePath": "month.sql"}},
                never | {"name": "late", "stepType": "sql", "children": ["out"],
                         "output": {"exitCode": "", "message": 'step "query" failed'}},
                never | {"name": "out", "stepType": "export", "children": [],
                         "output": {"exitCode": "", "message": 'step "late" did not run'}},
                begun | {"name": "bad", "stepType": "standard", "status": "Failed", "attempts": 2, "children": [],
                         "command": "exit 75", "image": "image-1:latest",
                         "output": {"exitCode": "75", "message": "terminated"},
                         "resources": {"instanceTypeId": 21, "storage": "10 GB"}},
            ]})
        self.spans(run)
        for told in run["steps"]:
            if told["startedAt"]:
                self.spans(told, "startedAt")
                self.assertLessEqual(run["executedAt"], told["startedAt"])
                self.assertLessEqual(told["finishedAt"], run["finishedAt"])
        self.assertEqual(self.workflow("execution", "w", run["executionId"], "-o", "json").json(), run)
        drawn = self.workflow("execution", "1", run["executionId"]).out
        for word in ("first", "Skipped", 'step "late" did not run', "75"):
            self.assertIn(word, drawn)

    def begin_and_wait(self, status, steps):
        self.create("w", **steps)
        return self.run_to(status, "w")

    def test_a_run_as_it_goes_on(self):
        self.create("w", a=self.held(), b=step("true", "a"))
        run = self.begin("w")
        self.wait_step("w", run, "a")
        shape = {"stepType": "standard", "command": str, "image": "image-1:latest",
                 "resources": {"instanceTypeId": 21, "storage": "10 GB"}, "finishedAt": None}
        self.same(self.details("w", run), {
            "executionId": run, "status": "Running", "executedAt": STAMPED, "finishedAt": None, "steps": [
                shape | {"name": "a", "children": ["b"], "status": "Running", "startedAt": STAMPED, "attempts": 1},
                shape | {"name": "b", "children": [], "status": "Pending", "startedAt": None, "attempts": 0}]})

        # What went on after a restart says of which part of the run it is.
        self.service.stop()
        self.service.start()
        details = self.wait_over("w", run, "Failed")
        rerun = self.executions("w")[0]["reruns"][0]["rerunId"]
        self.assertEqual(self.service.workflows()[0]["lastExecution"]["rerunId"], rerun)
        self.assertEqual(self.messages(details), {"a": "the service ended while it ran", "b": 'step "a" failed'})

    def test_a_step_says_of_which_part_of_the_run_its_last_attempt_is(self):
        self.create("w", a=self.held(retries=1))
        run = self.begin("w")
        self.wait_step("w", run, "a")
        self.service.stop()
        self.service.start()
        self.go.touch()
        details = self.wait_over("w", run, "Success")
        self.assertEqual(self.steps(details)["a"]["rerunId"], self.executions("w")[0]["reruns"][0]["rerunId"])
        self.assertEqual(self.steps(details)["a"]["attempts"], 2)

    def test_who_is_not_found(self):
        self.create("w", a=step("true"))
        self.assertEqual(self.refused(1, "execution", "w", NOBODY),
                         f'get execution {NOBODY} of workflow 1 "w": the service answered 404 (not found): workflow 1 '
                         "has no execution with this executionId; `flowsync workflow executions` lists the executions")


class LogsTest(RowCase):
    def logs_of(self, run, step, token=None):
        query = {"stepName": step} | ({"nextToken": token} if token else {})
        return self.service.good("GET", f"/workflows/1/executions/{run}/logs?{urllib.parse.urlencode(query)}")

    def test_every_field_from_the_first_line_to_the_end(self):
        name = "a step/with & signs \u00fc"
        self.create("w", **{name: step("echo one; echo 'zw\u00f6\t\"2\"'; echo; while ! test -e %s; do sleep 0.05; done; "
                                       "echo last" % self.go)})
        run = self.begin("w")
        self.wait(lambda: len(self.logs_of(run, name)["logs"]) == 3, "three lines are there")
        page = self.logs_of(run, name)
        self.same(page, {"logs": [{"message": "one", "timestamp": int}, {"message": 'zw\u00f6\t"2"', "timestamp": int},
                                  {"message": "", "timestamp": int}],
                         "nextToken": TOKEN, "stepRunStatus": "Running"})
        self.same(self.logs_of(run, name, page["nextToken"]),
                  {"logs": [], "nextToken": page["nextToken"], "stepRunStatus": "Running"})
        self.go.touch()
        details = self.wait_over("w", run, "Success")
        rest = self.logs_of(run, name, page["nextToken"])
        self.same(rest, {"logs": [{"message": "last", "timestamp": int}], "nextToken": TOKEN,
                         "stepRunStatus": "Success"})
        self.same(self.logs_of(run, name, rest["nextToken"]),
                  {"logs": [], "nextToken": rest["nextToken"], "stepRunStatus": "Success"})
        times = [line["timestamp"] for line in page["logs"] + rest["logs"]]
        told = details["steps"][0]
        self.assertEqual(times, sorted(times))
        self.assertLessEqual(milliseconds(told["startedAt"]), times[0])
        self.assertLessEqual(times[-1], milliseconds(told["finishedAt"]))
        # The command takes the same question apart and together.
        said = self.workflow("logs", "w", run, "--step", name, "-o", "json").json()
        self.assertEqual(said["logs"], page["logs"] + rest["logs"])
        self.assertEqual(self.workflow("logs", "w", run, "--step", name, "--next-token", page["nextToken"], "-o",
                                       "json").json()["logs"], rest["logs"])
        self.assertIn("last\n", self.workflow("logs", "w", run).out)

    def test_a_log_is_followed_to_its_end(self):
        self.create("w", a=self.held(), b=step("echo after", "a"))
        run = self.begin("w")
        follower = self.start("workflow", "logs", "w", run, "--follow")
        self.assertIn("held", follower.stdout.readline())
        self.go.touch()
        result = self.finish(follower)
        self.assertEqual(result.code, 0, result)
        self.assertIn("after\n", result.out)

    def test_what_is_no_question(self):
        self.create("w", a=step("true"))
        run = self.begin("w")
        self.wait_over("w", run)
        for path, status, detail in (
                (f"{run}/logs", 400, "stepName: expected the name of a step"),
                (f"{run}/logs?stepName=b", 404, f'execution {run} has no step "b"'),
                (f"{run}/logs?stepName=a&nextToken=x", 400, "nextToken: expected the nextToken of an earlier answer"),
                (f"{NOBODY}/logs?stepName=a", 404, "workflow 1 has no execution with this executionId"),
                (f"{run}/logs/download", 400, "stepName: expected the name of a step"),
                (f"{run}/logs/download?stepName=b", 404, f'execution {run} has no step "b"')):
            with self.subTest(path):
                self.assertEqual(self.service.request("GET", f"/workflows/1/executions/{path}"), (status, {"detail": detail}))


class DownloadTest(RowCase):
    def setUp(self):
        super().setUp()
        hosts = self.tmp / "hosts.yaml"
        hosts.write_text("serve: {hosts: [flows.example.com]}\n")
        self.serve_args = (*self.serve_args, "--config", hosts)
        self.step = "a & b/ \u00fc"
        self.create("w", **{self.step: step("echo one; echo; echo two")})
        self.run_id = self.begin("w")
        self.wait_over("w", self.run_id, "Success")
        self.path = f"/workflows/1/executions/{self.run_id}/logs/download?stepName={urllib.parse.quote(self.step, '')}"

    def test_the_file_by_the_command(self):
        self.workflow("logs", "w", self.run_id, "--step", self.step, "--out", "log.txt")
        self.assertEqual((self.tmp / "log.txt").read_text(), "one\n\ntwo\n")

    def test_the_address_needs_no_token_and_names_the_service_as_the_client_does(self):
        for headers, host in (({}, self.service.address), ({"Host": "flows.example.com:81"}, "flows.example.com:81")):
            answer = self.service.request("GET", self.path, headers=headers)[1]
            self.same(answer, {"downloadUrl": re.compile(rf"http://{re.escape(host)}/downloads/{self.run_id}\?.+")})
        self.assertEqual(self.service.request("GET", self.path, headers={"Host": "evil.example"})[0], 421)
        url = urllib.parse.urlsplit(answer["downloadUrl"])
        status, headers, text = self.service.raw("GET", f"{url.path}?{url.query}", token=False)
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; charset=utf-8"))
        self.assertEqual(text, "one\n\ntwo\n")
        self.assertNotIn(self.service.token, answer["downloadUrl"])

    def test_an_address_that_was_changed_is_good_for_nothing(self):
        url = urllib.parse.urlsplit(self.service.good("GET", self.path)["downloadUrl"])
        query = dict(urllib.parse.parse_qsl(url.query))
        self.same(query, {"stepName": self.step, "until": re.compile(r"\d+"), "proof": re.compile("[0-9a-f]{64}")})
        for change in ({"stepName": "b"}, {"until": str(int(query["until"]) + 1)}, {"proof": "0" * 64}, {"proof": ""}):
            with self.subTest(change):
                changed = urllib.parse.urlencode(query | change)
                self.assertEqual(self.service.raw("GET", f"{url.path}?{changed}", token=False)[0], 403)
        self.assertEqual(self.service.raw("GET", f"/downloads/{NOBODY}?{url.query}", token=False)[0], 403)
        self.assertEqual(self.service.raw("GET", f"{url.path}?{url.query}", token=False)[0], 200)


class StopTest(RowCase):
    def test_a_run_is_stopped_and_says_by_whom(self):
        self.create("w", a=self.held(), b=step("true", "a"))
        run = self.begin("w")
        self.wait_step("w", run, "a")
        self.workflow("stop", "w", run)
        details = self.wait_over("w", run, "Stopped")
        self.assertEqual(self.states(details), {"a": "Stopped", "b": "Stopped"})
        self.assertEqual(self.executions("w")[0]["stoppedBy"], "local")
        self.assertRegex(self.refused(1, "stop", "w", run), f"409.*execution {run} has ended: it is Stopped")
        self.assertRegex(self.refused(1, "stop", "w", NOBODY), "404.*workflow 1 has no execution with this executionId")

    def test_the_answer_is_empty(self):
        self.create("w", a=self.held())
        run = self.begin("w")
        self.assertEqual(self.service.good("POST", f"/workflows/1/executions/{run}/stop", {}), {})
        self.wait_over("w", run, "Stopped")


class WhileItRunsTest(RowCase):
    def test_what_a_run_forbids_and_what_it_does_not(self):
        specs = self.write({"w.yaml": "body: {name: w, steps: {a: {imageId: 1, command: 'true'}}}\n"})
        self.create("w", a=self.held())
        run = self.begin("w")
        self.assertEqual(self.service.describe("w")["status"], "Running")
        for args in (("update", "w", specs / "w.yaml"), ("create-or-update", specs / "w.yaml"),
                     ("patch", "w", "--command", "x"), ("pause", "w"), ("resume", "w"), ("delete", "w")):
            with self.subTest(args[0]):
                result = self.workflow(*args, code=1)
                self.assertRegex(result.err, r"409.*workflow 1 is running\n\Z")
        self.go.touch()
        self.wait_over("w", run, "Success")
        self.assertEqual(self.service.describe("w")["status"], "Available")
        for args in (("pause", "w"), ("resume", "w"), ("patch", "w", "--command", "echo patched"),
                     ("create-or-update", specs / "w.yaml"), ("update", "w", specs / "w.yaml"), ("delete", "w")):
            self.workflow(*args)
        self.assertEqual(self.service.workflows(), [])


if __name__ == "__main__":
    unittest.main()
