"""Logs and history of runs on a real service: while a step runs, by pages, as a file, and how long they are kept."""
import re
import time
import unittest
import urllib.parse

from run_case import RunCase, step

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class LogTest(RunCase):
    def path(self, run, more=""):
        return f"/workflows/1/executions/{run}/logs{more}"

    def page(self, run, token=""):
        return self.service.good("GET", self.path(run, f"?stepName=one&nextToken={urllib.parse.quote(token, '')}"))

    def test_what_a_step_has_printed_is_there_while_it_runs(self):
        self.create("w", one=step("echo first; until [ -e ~/go ]; do sleep 0.05; done; printf second"))
        run = self.begin("w")
        self.wait(lambda: self.log("w", run, "one"), "the first line is there")
        page = self.page(run)
        self.assertEqual(([line["message"] for line in page["logs"]], page["stepRunStatus"]), (["first"], "Running"))
        self.assertLess(abs(page["logs"][0]["timestamp"] / 1000 - time.time()), 60)
        process = self.start("workflow", "logs", "w", run, "--step", "one", "--follow")
        self.assertRegex(process.stdout.readline(), rf"\A{STAMP} first\n\Z")
        self.assertEqual(self.page(run, page["nextToken"])["logs"], [])
        (self.home / "go").touch()
        result = self.finish(process)
        self.assertEqual(result.code, 0)
        self.assertRegex(result.out, rf"\A{STAMP} second\n\Z")
        page = self.page(run, page["nextToken"])
        self.assertEqual(([line["message"] for line in page["logs"]], page["stepRunStatus"]), (["second"], "Success"))

    def test_pages_hang_together(self):
        self.create("w", one=step("seq 200000"))
        run = self.run_to("Success", "w")["executionId"]
        numbers, token, pages = [], "", 0
        while (page := self.page(run, token))["logs"]:
            numbers += [int(line["message"]) for line in page["logs"]]
            token, pages = page["nextToken"], pages + 1
        self.assertEqual(numbers, list(range(1, 200001)))
        self.assertGreater(pages, 3)
        for bad in "x", "f//s", "f/-1/s", "f/1/":
            status, _ = self.service.request("GET", self.path(run, f"?stepName=one&nextToken={bad}"))
            self.assertEqual(status, 400, bad)

    def test_a_file_from_a_url_that_needs_no_token_and_proves_itself(self):
        self.create("w", **{"one": step("echo hello; printf 'a\\001b\\r\\nend'"), "two & more": step("echo other")})
        run = self.run_to("Success", "w")["executionId"]
        self.workflow("logs", "w", run, "--step", "one", "--out", "file")
        self.assertEqual((self.tmp / "file").read_bytes(), b"hello\na\x01b\r\nend")
        answer = self.service.good("GET", self.path(run, "/download?stepName=two+%26+more"))
        url = urllib.parse.urlsplit(answer["downloadUrl"])
        self.assertEqual(url.netloc, self.service.address)
        path, query = url.path, url.query

        def ask(path, query):
            return self.service.raw("GET", f"{path}?{query}", token=False)
        status, headers, text = ask(path, query)
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; charset=utf-8"))
        self.assertEqual(text, "other\n")
        proof = re.search("proof=([0-9a-f]{64})$", query)[1]
        until = re.search(r"until=(\d+)", query)[1]
        other = "0" if proof[0] != "0" else "1"
        for wrong in (query.replace(f"proof={proof[0]}", f"proof={other}"), query.replace(f"until={until}", f"until={until}0"),
                      query[:-1], query.replace("two+%26+more", "one"), query.replace("proof", "prove"), ""):
            self.assertNotEqual(wrong, query)
            self.assertEqual(ask(path, wrong)[0], 403, wrong)
        self.assertEqual(ask(path[:-1] + ("0" if path[-1] != "0" else "1"), query)[0], 403)
        for token in True, False:
            status = self.service.raw("GET", "/workflows/api/v1" + self.path(run, "?stepName=one"), token=token)[0]
            self.assertEqual(status, 200 if token else 401)

    def test_a_step_that_prints_fifty_megabytes_is_bounded_and_not_blocked(self):
        line = "x" * 99
        self.create("w", one=step(f"echo begin; yes {line} | head -c 50000000; echo end"))
        run = self.run_to("Success", "w")["executionId"]
        lines = self.log("w", run, "one")
        size = sum(len(line) + 1 for line in lines)
        self.assertTrue(1 << 20 < size < 8 << 20, size)
        self.assertEqual((lines[0], lines[1], lines[-1]), ("begin", line, "end"))
        left_out = [text for text in lines if text not in (line, "begin", "end")]
        self.assertTrue(any(re.search(r"\d+ .*left out", text) for text in left_out), left_out)
        self.assertLess((self.service.folder / "service.db").stat().st_size, 16 << 20)

    def test_a_long_line_and_bytes_that_are_no_text(self):
        self.create("w", one=step("printf 'a\\377b\\r\\n'; head -c 40000 /dev/zero | tr '\\0' y"))
        run = self.run_to("Success", "w")["executionId"]
        lines = self.log("w", run, "one")
        self.assertRegex(lines[0], r"\Aa.b\r?\Z")
        self.assertEqual("".join(lines[1:]), "y" * 40000)

    def test_what_all_attempts_said_stays(self):
        self.create("w", one=step('echo "this is $WORKFLOW_ATTEMPT"; exit 1', retries=2))
        run = self.run_to("Failed", "w")["executionId"]
        self.assertEqual(self.log("w", run, "one"), ["this is 1", "flowsync: attempt 2", "this is 2",
                                                     "flowsync: attempt 3", "this is 3"])


class HistoryTest(RunCase):
    def test_runs_are_listed_by_status_time_and_page(self):
        self.create("w", one=step('test -z "$BAD"'))
        runs = [self.run_to("Failed" if bad else "Success", "w", params={"global": {"BAD": bad}})
                for bad in ("", "yes", "", "")]
        ids = [run["executionId"] for run in reversed(runs)]

        def listed(*args):
            return [r["executionId"] for r in self.workflow("executions", "w", *args, "-o", "json").json()["executions"]]
        self.assertEqual(listed(), ids)
        self.assertEqual(listed("--status", "Failed"), ids[2:3])
        self.assertEqual(listed("--status", "Failed", "--status", "Success", "--count", "3"), ids[:3])
        self.assertEqual(listed("--date-from", runs[1]["executedAt"]), ids[:3])
        self.assertEqual(listed("--date-to", runs[1]["executedAt"]), ids[2:])
        self.assertEqual(listed("--page-size", "1"), ids)
        self.assertEqual(listed("--page-size", "3", "--page-number", "2"), ids[3:])
        [found] = self.workflow("list", "--last-execution-status", "Success", "-o", "json").json()["workflows"]
        self.assertEqual(found["lastExecution"]["executionId"], ids[0])
        self.assertEqual(self.workflow("list", "--last-execution-status", "Failed", "-o", "json").json()["workflows"], [])

    def test_what_is_older_than_ninety_days_is_gone(self):
        self.create("w", one=step("echo old"))
        old, young = (self.run_to("Success", "w")["executionId"] for _ in range(2))
        self.service.stop()
        day = 24 * 3600 * 1000
        for run, days in (old, 91), (young, 89):
            self.sql("UPDATE run SET began = began - ?1, finished = finished - ?1 WHERE uuid = ?2", (days * day, run))
        free = self.hold_engine()
        self.service.start()
        self.assertEqual([r["executionId"] for r in self.executions("w")], [young])
        self.assertEqual(self.details("w", old)["status"], "Success")      # nobody has forgotten it yet
        free()
        self.wait(lambda: self.service.request("GET", f"/workflows/1/executions/{old}")[0] == 404, "it is forgotten")
        self.service.stop()
        self.assertEqual(self.sql("SELECT uuid FROM run"), [(young,)])
        self.assertEqual(self.sql("SELECT count(*) FROM log")[0][0], 1)
        self.assertEqual(self.sql("SELECT count(*) FROM run_work")[0][0], 1)

    def test_with_its_workflow_go_its_runs(self):
        self.create("w", one=step("echo hello"))
        run = self.run_to("Success", "w")["executionId"]
        self.service.delete("w")
        self.assertEqual(self.service.request("GET", f"/workflows/1/executions/{run}")[0], 404)
        self.service.stop()
        for table in "run", "run_work", "log":
            self.assertEqual(self.sql(f"SELECT count(*) FROM {table}"), [(0,)])


class RestartTest(RunCase):
    """The service ends as an init system ends it, and begins again, while runs are under way."""

    def restart(self):
        self.service.stop()
        self.service.start()

    def test_a_run_goes_on_as_a_rerun(self):
        gate = "until [ -e ~/go ]; do sleep 0.05; done"
        self.create("w", before=step("echo before; echo x >> ~/before"),
                    under=step(f"echo $$ > ~/pid; {gate}", "before", retries=1), after=step("echo after", "under"))
        run = self.begin("w")
        pid = self.pid_in(self.home / "pid")
        self.service.stop()
        self.wait_gone(pid)
        (self.home / "go").touch()
        self.service.start()
        details = self.wait_over("w", run, "Success")
        self.assertEqual({n: s["attempts"] for n, s in self.steps(details).items()}, {"before": 1, "under": 2, "after": 1})
        self.assertEqual((self.home / "before").read_text(), "x\n")
        [listed] = self.executions("w")
        [rerun] = listed["reruns"]
        self.assertEqual((rerun["status"], rerun["finishedAt"]), ("Success", listed["finishedAt"]))
        self.assertGreater(rerun["executedAt"], listed["executedAt"])
        self.assertEqual({n: s.get("rerunId") for n, s in self.steps(details).items()},
                         {"before": None, "under": rerun["rerunId"], "after": rerun["rerunId"]})
        self.assertEqual(self.service.describe("w")["lastExecution"]["rerunId"], rerun["rerunId"])
        self.assertRegex(self.workflow("executions", "w").out.splitlines()[1], r" 1$")
        self.assertIn("continues after a restart of the service", self.service.output())

    def test_a_step_that_is_not_to_be_tried_again_fails_with_the_reason(self):
        self.create("w", one=step("echo $$ > ~/pid; sleep 1000"), two=step("true", "one"))
        self.create("by-code", retry={"numberOfRetries": 3, "exitCodes": [143]}, one=step("echo $$ > ~/other; sleep 1000"))
        runs = {name: self.begin(name) for name in ("w", "by-code")}
        pids = [self.pid_in(self.home / name) for name in ("pid", "other")]
        self.restart()
        self.wait_gone(*pids)
        for name, run in runs.items():
            details = self.wait_over(name, run, "Failed")
            self.assertIn("the service ended while it ran", self.messages(details)["one"])
        self.assertEqual(self.states(self.details("w", runs["w"])), {"one": "Failed", "two": "Skipped"})

    def test_several_ends_and_a_stop_in_between(self):
        self.create("w", one=step("echo $$ > ~/$WORKFLOW_ATTEMPT; sleep 1000", retries=5))
        run = self.begin("w")
        for attempt in "1", "2", "3":
            pid = self.pid_in(self.home / attempt)
            if attempt != "3":
                self.restart()
                self.wait_gone(pid)
        self.workflow("stop", "w", run)
        self.assertEqual(self.steps(self.wait_over("w", run, "Stopped"))["one"]["attempts"], 3)
        [listed] = self.executions("w")
        self.assertEqual([r["status"] for r in listed["reruns"]], ["Stopped", "Stopped"])
        self.wait_gone(pid)

    def test_killed_and_started_again(self):
        self.create("w", one=step("echo $$ > ~/$WORKFLOW_ATTEMPT; [ $WORKFLOW_ATTEMPT = 2 ] || sleep 1000", retries=1))
        run = self.begin("w")
        pid = self.pid_in(self.home / "1")
        self.service.kill()
        self.service.start()
        self.wait_over("w", run, "Success")
        self.wait_gone(pid)
        self.assertEqual(len(self.executions("w")[0]["reruns"]), 1)

    def test_one_that_waits_for_its_first_place_has_lost_nothing(self):
        self.serve_args = [*self.serve_args, "--jobs", 1]
        self.create("first", one=step("echo $$ > ~/$WORKFLOW_ATTEMPT; [ $WORKFLOW_ATTEMPT = 2 ] || sleep 1000", retries=1))
        self.create("second", one=step("echo x >> ~/second"))
        self.create("third", one=step("true"))
        first = self.begin("first")
        pid = self.pid_in(self.home / "1")
        second, third = self.begin("second"), self.begin("third")
        # The engine takes one after the other.
        self.wait(lambda: f"execution {third} started" in self.service.output(), "the second was taken")
        self.assertEqual(self.states(self.details("second", second)), {"one": "Pending"})
        self.service.kill()
        self.service.start()
        self.wait_over("first", first, "Success")
        self.wait_over("second", second, "Success")
        self.wait_gone(pid)
        self.assertEqual([len(self.executions(name)[0]["reruns"]) for name in ("first", "second")], [1, 0])
        self.assertEqual((self.home / "second").read_text(), "x\n")


if __name__ == "__main__":
    unittest.main()
