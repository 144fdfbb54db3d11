"""What the rules of a run come to on a real service: parameters, stops, time, and when it may begin."""
import json
import threading
import time
import unittest

from run_case import RunCase, step

SHOW = 'echo "$A $B $C"'
# A step that has a child of its own and ends on SIGTERM as a shell does; $HOME/NAME holds their numbers.
FAMILY = 'sleep 1000 & echo $! > ~/child; echo $$ > ~/shell; wait'
# The same deaf to SIGTERM.
DEAF = 'trap "echo no" TERM; sh -c \'trap "" TERM; echo $$ > ~/child; sleep 1000\' & echo $$ > ~/shell; ' \
       'while :; do wait; sleep 0.1; done'


class ParameterTest(RunCase):
    def test_the_last_word_is_that_of_the_step_alone(self):
        self.create("w", first=step("printf from-first > a; printf two > b", outputs={"A": "a", "B": "b"}),
                    second=step(SHOW, "first", env={"A": "env", "B": "env", "C": "env"}, inherit={"A": "A", "B": "B"}))

        def said(**params):
            details = self.run_to("Success", "w", params=params)
            return self.log("w", details["executionId"], "second")
        self.assertEqual(said(), ["from-first two env"])
        self.assertEqual(said(**{"global": {"B": "all"}}), ["from-first all env"])
        self.assertEqual(said(**{"global": {"A": "all", "B": "all"}, "stepWise": {"second": {"B": "mine"}}}),
                         ["all mine env"])

    def test_by_the_command_line(self):
        self.create("w", one=step(SHOW, env={"A": "env"}), two=step(SHOW, "one"), three=step(SHOW, "two"))
        said = self.workflow("execute", "w", "--follow", "--param", "A=all", "--param", "B=x=y",
                             "--step-param", "two.C=", "--step-param", "two.A=mine").out
        self.assertEqual([line.split("Z ", 1)[1] for line in said.splitlines()[1:-1]],
                         ["all x=y ", "mine x=y ", "all x=y "])

    def test_some_of_the_steps(self):
        self.create("w", a=step("true"), b=step("true", "a"), c=step("true", "b"), d=step("true"))

        def ran(*args):
            run = self.workflow("execute", "w", "--wait", "-o", "json", *args).json()
            return sorted(name for name, s in self.steps(run).items() if s["status"] == "Success")
        self.assertEqual(ran("--step", "b"), ["b"])
        self.assertEqual(ran("--step", "b:dag"), ["b", "c"])
        self.assertEqual(ran("--step", "a", "--step", "d"), ["a", "d"])

    def test_a_step_knows_where_it_is_and_nothing_that_is_the_service_s(self):
        id = self.create("w", one=step("env | sort"))
        details = self.run_to("Success", "w")
        lines = dict(line.split("=", 1) for line in self.log("w", details["executionId"], "one"))
        self.assertEqual({k: v for k, v in lines.items() if k.startswith("WORKFLOW_")}, {
            "WORKFLOW_ID": str(id), "WORKFLOW_NAME": "w", "WORKFLOW_EXECUTION_ID": details["executionId"],
            "WORKFLOW_STEP": "one", "WORKFLOW_ATTEMPT": "1"})
        self.assertEqual([k for k in lines if k.startswith(("FLOWSYNC", "PEAK"))], [])
        self.assertEqual((lines["HOME"], lines["TZ"]), (str(self.home), "Asia/Kathmandu"))

    def test_each_attempt_has_an_empty_folder_that_goes_away(self):
        self.create("w", one=step('pwd > ~/"$WORKFLOW_ATTEMPT"; ls; touch here; exit 1', retries=1))
        details = self.run_to("Failed", "w")
        self.assertEqual(self.log("w", details["executionId"], "one"), ["flowsync: attempt 2"])
        first, second = ((self.home / n).read_text() for n in "12")
        self.assertNotEqual(first, second)
        runs = self.service.folder / "service.db.runs"
        self.wait(lambda: not list(runs.iterdir()), "the folders of the attempts are gone")


class StopTest(RunCase):
    def test_a_stop_ends_a_step_with_its_children(self):
        self.create("w", one=step(FAMILY), two=step("true", "one"))
        run = self.begin("w")
        pids = [self.pid_in(self.home / name) for name in ("child", "shell")]
        self.assertEqual(self.workflow("stop", "w", run).out, f"stopping execution {run}\n")
        details = self.wait_over("w", run, "Stopped")
        self.wait_gone(*pids)
        self.assertEqual(self.states(details), {"one": "Stopped", "two": "Stopped"})
        [listed] = self.executions("w")
        self.assertEqual(listed["stoppedBy"], "local")
        self.assertEqual(self.service.describe("w")["status"], "Available")
        self.assertIn(f"execution {run} has ended: it is Stopped", self.refused(1, "stop", "w", run))

    def test_what_does_not_listen_is_killed_ten_seconds_later(self):
        self.create("w", one=step(DEAF))
        run = self.begin("w")
        pids = [self.pid_in(self.home / name) for name in ("child", "shell")]
        began = time.monotonic()
        path = f"/workflows/{self.service.id_of('w')}/executions/{run}/stop"
        self.assertEqual(self.service.request("POST", path), (200, {}))
        self.assertEqual(self.details("w", run)["steps"][0]["status"], "Running")
        self.wait(lambda: self.details("w", run)["status"] == "Stopping", "it is stopping")
        self.assertEqual(self.service.request("POST", path)[0], 200)      # once more changes nothing
        self.wait_over("w", run, "Stopped")
        self.assertGreater(time.monotonic() - began, 9)
        self.wait_gone(*pids)

    def test_a_step_that_waits_for_its_retry_is_stopped_at_once(self):
        self.create("w", one=step("exit 1", retries=5, wait=120))
        run = self.begin("w")
        self.wait(lambda: self.steps(self.details("w", run))["one"]["attempts"] == 1, "it has failed once")
        self.workflow("stop", "w", run)
        self.assertEqual(self.states(self.wait_over("w", run, "Stopped")), {"one": "Stopped"})


class TimeoutTest(RunCase):
    def test_a_step_that_takes_too_long_is_asked_and_then_killed(self):
        self.create("polite", one=step('trap "echo asked; exit 3" TERM; sleep 1000 & wait', stepTimeout=1))
        self.create("deaf", one=step(DEAF, stepTimeout=1))
        polite, deaf = self.begin("polite"), self.begin("deaf")
        pids = [self.pid_in(self.home / name) for name in ("child", "shell")]
        details = self.wait_over("polite", polite, "Failed")
        self.assertEqual(self.log("polite", polite, "one"),
                         ["asked", "flowsync: it took longer than its stepTimeout of 1 seconds"])
        self.assertEqual(self.messages(details)["one"], "it took longer than its stepTimeout of 1 seconds")
        details = self.wait_over("deaf", deaf, "Failed")
        self.wait_gone(*pids)
        self.assertEqual(self.steps(details)["one"]["output"]["exitCode"], "137")

    def test_who_waits_longer_than_he_said_he_would_is_told_while_it_runs(self):
        listener = self.fake(lambda request: (200, "ok"))
        watcher = {"webhook": {"name": "x", "url": listener.endpoint + "/long", "payload": "{}"},
                   "events": {"runtimeExceeded": 1}}
        self.create("w", watchers=[watcher], one=step("until [ -e ~/go ]; do sleep 0.1; done"))
        run = self.begin("w")
        self.wait_step("w", run, "one")
        # A minute that has gone by: the run began earlier than it did.
        self.service.stop()
        self.sql("UPDATE run SET began = began - 60000")
        state = json.loads(self.sql("SELECT state FROM run_work")[0][0])
        self.age(state, 60000)
        self.sql("UPDATE run_work SET state = ?", (json.dumps(state),))
        self.service.start()
        self.wait(lambda: listener.requests, "the watcher is told")
        self.assertNotIn(self.details("w", run)["status"], ("Success", "Stopped"))
        (self.home / "go").touch()
        self.wait_over("w", run)
        self.assertEqual(listener.told(), ["POST /long"])

    def age(self, node, ms):
        """Takes ms off every time in a saved run."""
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, (dict, list)):
                self.age(value, ms)
            elif isinstance(value, int) and value > 1 << 40:
                node[key] = value - ms


class BeginTest(RunCase):
    WAITS = 'until [ -e ~/go ]; do sleep 0.05; done'

    def test_one_run_at_a_time_unless_the_workflow_allows_more(self):
        hook = [{"webhook": True}]
        self.create("one", triggers=hook, one=step(self.WAITS))
        self.create("many", triggers=hook, overlap=True, one=step(self.WAITS))
        first = self.begin("one")
        self.assertEqual(self.service.describe("one")["status"], "Running")
        refused = f"workflow {self.service.id_of('one')} is running already, and does not allow " \
                  "concurrent executions (metadata.allowConcurrentExecution)"
        self.assertIn(f"409 (conflict): {refused}", self.refused(1, "execute", "one"))
        self.assertEqual(self.pull("one"), (409, {"detail": refused}))
        runs = [self.begin("many"), self.begin("many"), self.pull("many")[1]["executionId"]]
        for run in runs:
            self.wait_step("many", run, "one")
        for method, path in ("PUT", ""), ("DELETE", ""), ("POST", "/pause"):
            body = {"name": "one", "steps": {"one": step("true")}} if method == "PUT" else None
            self.assertEqual(self.service.request(method, f"/workflows/{self.service.id_of('one')}{path}", body)[0], 409)
        (self.home / "go").touch()
        self.wait_over("one", first, "Success")
        for run in runs:
            self.wait_over("many", run, "Success")
        self.assertEqual(self.service.describe("one")["status"], "Available")

    def test_a_paused_workflow_runs_by_hand_only(self):
        id = self.create("w", triggers=[{"webhook": True}], one=step("true"))
        self.workflow("pause", "w")
        self.assertEqual(self.pull("w"), (409, {"detail": f"workflow {id} is paused"}))
        self.run_to("Success", "w")
        self.assertEqual(self.service.describe("w")["status"], "Paused")
        self.workflow("resume", "w")
        self.assertEqual(self.pull("w")[0], 200)
        self.wait_runs("w", 2)

    def test_a_thousand_runs_under_way_are_enough(self):
        id = self.create("w", overlap=True, one=step("true"))
        self.run_to("Success", "w")
        self.service.stop()
        self.hold_engine()
        self.sql("INSERT INTO run(uuid, workflow, status, began, cause) WITH RECURSIVE n(i) AS"
                 " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i, ?, 1, 0, 'x' FROM n", (id,))
        self.service.start()
        status, headers, text = self.service.raw("POST", f"/workflows/api/v1/workflows/{id}/execute", "{}")
        self.assertEqual((status, headers["Retry-After"]), (429, "5"))
        self.assertIn("has to wait: too many executions are in progress", text)

    def test_bad_requests(self):
        self.create("w", triggers=[{"webhook": True}], one=step("true"))
        path = f"/workflows/{self.service.id_of('w')}/execute"
        for body, status in (({"stepsToRun": [{"stepName": "no"}]}, 400), ({"params": {"stepWise": {"no": {}}}}, 400),
                             ([], 400), ({"params": {"global": {"A": [1]}}}, 400)):
            with self.subTest(body):
                self.assertEqual(self.service.request("POST", path, body)[0], status)
        hook = self.webhook("w")
        for payload, status in ("x" * (1 << 20) + "x", 413), ("a\0b", 400):
            self.assertEqual(self.service.raw("POST", hook, payload, token=False)[0], status)
        self.assertEqual(self.service.raw("POST", hook[:-1] + "x", "", token=False)[0], 404)
        self.assertEqual(self.service.raw("GET", hook, token=False)[0], 405)
        self.assertEqual(self.service.raw("POST", "/workflows/api/v1" + path, "{}", token=False)[0], 401)
        self.assertEqual(self.executions("w"), [])

    def test_jobs_bound_how_many_steps_run_at_a_time(self):
        self.serve_args = ["--jobs", "2"]
        count = 'mkdir ~/"$WORKFLOW_STEP"; ls ~ | wc -l; sleep 0.2; rmdir ~/"$WORKFLOW_STEP"'
        self.create("w", **{f"s{i}": step(count) for i in range(7)})
        details = self.run_to("Success", "w")
        seen = sorted({int(lines[0]) for lines in self.logs("w", details).values()})
        self.assertEqual(seen[-1], 2)


class WatcherTest(RunCase):
    def watcher(self, endpoint, path, **events):
        return {"webhook": {"name": "x", "url": endpoint + path, "payload": f'{{"for": "{path}"}}'}, "events": events}

    def test_each_is_told_of_what_he_wants_to_know(self):
        listener = self.fake(lambda request: (200, "ok"))
        watchers = [self.watcher(listener.endpoint, "/good", success=True),
                    self.watcher(listener.endpoint, "/bad", success=False, fail=True),
                    self.watcher(listener.endpoint, "/both", success=True, fail=True)]
        self.create("w", watchers=watchers, one=step('[ "$A" != sleep ] || sleep 1000; test -n "$A"'))
        self.run_to("Failed", "w")
        self.wait(lambda: len(listener.requests) == 2, "two are told")
        self.assertEqual(sorted(r.body for r in listener.requests), ['{"for": "/bad"}', '{"for": "/both"}'])
        self.run_to("Success", "w", params={"global": {"A": "yes"}})
        self.wait(lambda: len(listener.requests) == 4, "two are told")
        self.assertEqual(sorted(listener.told()[2:]), ["POST /both", "POST /good"])
        run = self.begin("w", params={"global": {"A": "sleep"}})
        self.wait_step("w", run, "one")
        self.workflow("stop", "w", run)
        self.wait_over("w", run, "Stopped")
        self.run_to("Success", "w", params={"global": {"A": "yes"}})
        self.wait(lambda: len(listener.requests) >= 6, "two are told")
        self.assertEqual(sorted(listener.told()[4:]), ["POST /both", "POST /good"])

    def test_one_that_fails_first_is_told_again_and_the_run_is_not_touched(self):
        came = threading.Event()

        def answer(request):
            if came.is_set():
                return 200, "ok"
            came.set()
            return 503, "later"
        listener = self.fake(answer)
        secret = self.secret("hook")
        self.create("w", watchers=[self.watcher(listener.endpoint, f"/{secret}", success=True)], one=step("true"))
        details = self.run_to("Success", "w")
        self.wait(lambda: len(listener.requests) == 2, "the watcher is told again")
        self.assertEqual(self.details("w", details["executionId"]), details)
        self.assertEqual(len(self.executions("w")), 1)
        self.assertRegex(self.service.output(), r"cannot send notification, retrying in 5 s: http://\S+ answered 503\n")
        # A service that was stopped meanwhile tells whom it has not told.
        came.clear()
        self.run_to("Success", "w")
        self.wait(lambda: len(listener.requests) == 3, "the watcher is told, and fails")
        self.service.stop()
        self.sql("UPDATE tell SET due = 0")
        self.service.start()
        self.wait(lambda: len(listener.requests) == 4, "the watcher is told after the start")


class CronTest(RunCase):
    crons = True
    YEARLY = [{"cron": "0 0 1 1 *"}]

    def make_due(self, times=1):
        """As if the service had been away while crons were due."""
        self.service.stop()
        self.sql("UPDATE workflow_trigger SET due = 1700000000000")
        self.service.start()

    def test_a_time_that_was_missed_is_made_up_for_once(self):
        self.create("w", triggers=self.YEARLY, one=step("true"))
        self.create("minute", triggers=[{"cron": "*/1 * * * *"}], one=step("true"))
        self.create("paused", triggers=self.YEARLY, one=step("true"))
        self.workflow("pause", "paused")
        scheduled = self.service.describe("w")["triggers"]
        self.make_due()
        self.wait_runs("w")
        self.assertEqual(self.service.describe("w")["triggers"], scheduled)
        self.assertLessEqual(len(self.executions("minute")), 2)     # one a missed minute would be many
        self.assertEqual(self.executions("paused"), [])
        self.service.stop()
        self.service.start()
        self.run_to("Success", "w")
        self.assertEqual(len(self.executions("w")), 2)

    def test_a_run_that_still_goes_on_is_not_overtaken(self):
        self.create("w", triggers=self.YEARLY, one=step("until [ -e ~/go ]; do sleep 0.05; done", retries=1))
        run = self.begin("w")
        self.wait_step("w", run, "one")
        self.make_due()
        self.wait(lambda: 'workflow "w": its cron started no execution: workflow 1 is running' in self.service.output(),
                  "it is told that there was no run")
        (self.home / "go").touch()
        self.wait_over("w", run, "Success")
        self.assertEqual(len(self.executions("w")), 1)

    def test_a_service_without_crons_begins_nothing(self):
        self.create("w", triggers=self.YEARLY, one=step("true"))
        self.crons = False
        self.make_due()
        self.run_to("Success", "w")
        self.assertEqual(len(self.executions("w")), 1)
        self.crons = True
        self.service.stop()
        self.service.start()
        self.wait_runs("w", 2)


if __name__ == "__main__":
    unittest.main()
