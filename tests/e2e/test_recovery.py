"""Single moments in which something of the service is killed, each with what has to come of the run; kill.py
does it at random."""
import contextlib
import os
import signal
import sqlite3
import sys
import time
import unittest

import flowsync
from agent import wait_for
from flowsync import ServiceCase

sys.path.insert(0, str(flowsync.ROOT / "tests"))
from kill import command_line, processes    # noqa: E402

DONE = ("Success", "Failed", "Stopped")


class RecoveryCase(ServiceCase):
    def begin(self, steps, **more):
        """Begins a run of such steps; they find the test's folder in $T."""
        body = {"name": "w", "steps": {
            name: {"imageId": 1, "parameters": {"env": {"T": str(self.tmp)}}, **step}
            for name, step in steps.items()}, **more}
        self.workflow = self.service.create(body)
        return self.execute()

    def execute(self):
        self.run_id = self.service.good("POST", f"/workflows/{self.workflow}/execute")["executionId"]
        return self.run_id

    def told(self):
        return self.service.good("GET", f"/workflows/{self.workflow}/executions/{self.run_id}")

    def step(self, name):
        return next(step for step in self.told()["steps"] if step["name"] == name)

    def wait_over(self):
        return wait_for(lambda: (told := self.told())["status"] in DONE and told, "the run ends", also=self.service.output)

    def wait_file(self, name):
        path = self.tmp / name
        wait_for(lambda: path.exists() and path.read_text().endswith("\n"), f"{name} is written", also=self.service.output)
        return path.read_text().split()

    def runner(self):
        pids = [pid for pid, (parent, _) in processes().items() if parent == self.service.process.pid]
        return next(pid for pid in pids if " step-runner" in command_line(pid))

    def keepers(self):
        runner = self.runner()
        return [pid for pid, (parent, _) in processes().items() if parent == runner]

    def start(self):
        self.service.kill()
        self.service.start()

    def assertGone(self, pid):
        self.assertEqual(command_line(pid), "")     # one that nobody waited for yet has none


class RunnerKilledTest(RecoveryCase):
    def test_what_begins_after_it_goes_on(self):
        self.begin({"a": {"command": "echo $$ >> $T/ran; [ $WORKFLOW_ATTEMPT = 2 ] || sleep 100; sleep 0.5"}},
                   retryOptions={"numberOfRetries": 5, "duration": 0})
        self.wait_file("ran")
        os.kill(self.runner(), signal.SIGKILL)
        self.assertEqual(self.wait_over()["status"], "Success")
        self.assertEqual(self.step("a")["attempts"], 2)
        self.assertEqual(len(self.wait_file("ran")), 2)

    def test_what_comes_before_there_is_another_waits_for_it(self):
        self.begin({"deaf": {"command": "trap '' TERM; echo on > $T/on; sleep 100 & wait; sleep 100"}},
                   metadata={"allowConcurrentExecution": True})
        self.wait_file("on")
        os.kill(self.runner(), signal.SIGKILL)     # its keeper takes two seconds to end the step
        other = self.service.create({"name": "other", "steps": {"a": {"imageId": 1, "command": "true"}}})
        run = self.service.good("POST", f"/workflows/{other}/execute")["executionId"]
        path = f"/workflows/{other}/executions/{run}"
        told = wait_for(lambda: (t := self.service.good("GET", path))["status"] in DONE and t, "the run ends")
        self.assertEqual((told["status"], told["steps"][0]["attempts"]), ("Success", 1), told)
        self.assertEqual(self.wait_over()["status"], "Failed")

    def test_a_watcher_is_told_all_the_same(self):
        listener = self.fake(lambda request: (200, "{}"))
        self.begin({"a": {"command": "trap '' TERM; echo on > $T/on; sleep 100 & wait; sleep 100"},
                    "b": {"command": "echo on > $T/b; sleep 100"}},
                   watchers=[{"webhook": {"name": "n", "url": f"{listener.endpoint}/fail", "payload": "{}"},
                              "events": {"fail": True, "runtimeExceeded": 0.01}}])
        self.wait_file("on")
        os.kill(self.runner(), signal.SIGKILL)
        self.assertEqual(self.wait_over()["status"], "Failed")
        wait_for(lambda: len(listener.requests) >= 2, "the watcher is told", also=self.service.output)


class AllKilledTest(RecoveryCase):
    """Nobody is left who could end the steps, as after `pkill -9 flowsync`: the next engine does."""

    LEAVES = ("echo $$ >> $T/shell; sleep 1000 & echo $! >> $T/child; setsid sleep 1000 & echo $! >> $T/session; "
              "(setsid sleep 1000 & echo $! >> $T/daemon); echo on >> $T/on; ")

    def test_nothing_runs_on(self):
        self.begin({"a": {"command": self.LEAVES + "[ $WORKFLOW_ATTEMPT = 2 ] && exit; wait"}},
                   retryOptions={"numberOfRetries": 1, "duration": 0})
        self.wait_file("on")
        self.kill_at_once(self.service.process.pid, self.runner(), *self.keepers())
        left = [int((self.tmp / name).read_text().split()[0]) for name in ("child", "session", "daemon")]
        self.addCleanup(self.end, left)
        self.start()
        self.assertEqual(self.wait_over()["status"], "Success")
        for pid in left:
            self.assertGone(pid)

    def test_also_if_the_service_itself_lives(self):
        self.begin({"a": {"command": self.LEAVES + "[ $WORKFLOW_ATTEMPT = 2 ] && exit; wait"}},
                   retryOptions={"numberOfRetries": 1, "duration": 0})
        self.wait_file("on")
        self.kill_at_once(self.runner(), *self.keepers())
        left = [int((self.tmp / name).read_text().split()[0]) for name in ("child", "session", "daemon")]
        self.addCleanup(self.end, left)
        self.assertEqual(self.wait_over()["status"], "Success")
        for pid in left:
            self.assertGone(pid)

    @staticmethod
    def kill_at_once(*pids):
        """None of them has the time to do anything about the death of another."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                os.kill(pid, number)

    @staticmethod
    def end(pids):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class StopTest(RecoveryCase):
    def test_one_that_was_accepted_holds_after_the_start(self):
        self.begin({"a": {"command": "echo on > $T/on; sleep 1000"},
                    "b": {"command": "echo b > $T/b"}, "c": {"command": "echo c > $T/c", "parents": ["a"],
                          "executionParameters": {"parentStatus": [{"condition": "all-of", "parents": ["a"],
                                                                    "status": ["failure"]}]}}})
        self.wait_file("on")
        os.kill(self.service.process.pid, signal.SIGKILL)
        self.service.process.wait()
        with contextlib.closing(sqlite3.connect(self.service.folder / "service.db")) as db, db:
            db.execute("UPDATE run SET stop_asked = 'me'")   # as service_stop() does just before the kill
        self.start()
        told = self.wait_over()
        self.assertEqual((told["status"], self.step("c")["status"], self.step("c")["attempts"]), ("Stopped", "Stopped", 0))
        self.assertFalse((self.tmp / "c").exists())


class WatcherTest(RecoveryCase):
    def test_who_wants_to_know_that_a_run_takes_long_is_told_while_it_does(self):
        listener = self.fake(lambda request: (200, "{}"))
        self.begin({"a": {"command": "sleep 1000"}}, watchers=[
            {"webhook": {"name": "n", "url": listener.endpoint + "/x", "payload": "{}"},
             "events": {"runtimeExceeded": 0.01}}])
        wait_for(lambda: listener.requests, "the watcher is told")
        self.assertEqual(self.told()["status"], "Running")

    def test_one_that_was_being_told_is_told_soon_after_the_start(self):
        slow = []

        def answer(request):
            slow.append(request)
            time.sleep(2 if len(slow) == 1 else 0)
            return 200, "{}"

        listener = self.fake(answer)
        self.begin({"a": {"command": "true"}}, watchers=[
            {"webhook": {"name": "n", "url": listener.endpoint + "/x", "payload": "{}"}, "events": {"success": True}}])
        wait_for(lambda: slow, "the watcher is called")
        self.start()
        wait_for(lambda: len(slow) >= 2, "the watcher is told again", also=self.service.output)

    def test_one_that_had_been_told_is_not_told_again(self):
        listener = self.fake(lambda request: (200, "{}"))
        self.begin({"a": {"command": "true"}}, watchers=[
            {"webhook": {"name": "n", "url": listener.endpoint + "/x", "payload": "{}"}, "events": {"success": True}}])
        self.wait_over()
        wait_for(lambda: listener.requests, "the watcher is told")
        self.service.stop()
        database = self.service.folder / "service.db"
        with contextlib.closing(sqlite3.connect(database)) as db, db:
            run, = db.execute("SELECT id FROM run").fetchone()
            # As it stands when the service is killed between the end of the delivery and its note of it.
            db.execute("INSERT INTO tell(id, run, watcher, news, attempts, due) VALUES(99, ?, ?, '{}', 1, ?)",
                       (run, '{"webhook": {"name": "n", "url": "http://127.0.0.1:1/", "payload": ""}}',
                        int((time.time() + 300) * 1000)))
        folder = database.with_name("service.db.runs") / "tell-99"
        folder.mkdir(mode=0o700)
        (folder / "result").write_text('{"code": 0, "message": ""}')
        self.service.start()

        def tells():
            with contextlib.closing(sqlite3.connect(database)) as db:
                return db.execute("SELECT count(*) FROM tell").fetchone()[0]
        wait_for(lambda: not tells(), "it is known to be told")
        wait_for(lambda: not folder.exists(), "its folder goes")
        self.assertNotIn("watcher", self.service.output())


if __name__ == "__main__":
    unittest.main()
