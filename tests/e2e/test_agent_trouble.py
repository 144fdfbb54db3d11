"""The agent while something else does not work: the service, the git server, a token, a neighbour."""
import calendar
import hashlib
import json
import os
import signal
import threading
import time
import unittest

from agent import AgentCase, alive, spec, wait_for
from flowsync import TIMEOUT
from git_servers import Daemon, Repository, Silent


def seconds(stamp):
    """A report's time as seconds since 1970."""
    whole, _, part = stamp.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{part or 0}")


class ServiceDownTest(AgentCase):
    def test_a_service_that_is_down_is_left_in_peace_and_found_again(self):
        specs = self.write({"a.yaml": spec("a")})
        agent = self.agent(self.config(self.sync(dir=specs, interval="500ms", timeout="1s")))
        agent.wait_ready()
        self.service.kill()
        down = agent.wait_report("one", "the service is missed", outcome="failed")
        self.assertFalse(agent.ready())
        self.assertEqual(down["summary"]["create"], 0)
        self.service.start()
        self.drift("a", "false")
        agent.wait_ready()
        back = next(r for r in self.reports() if r["started"] > down["started"])    # stored before it is told of
        # Not the interval: ten seconds, and up to a tenth more.
        self.assertGreaterEqual(seconds(back["started"]) - seconds(down["finished"]), 9.9)
        self.assertEqual((back["outcome"], back["trigger"], self.command_of("a")), ("applied", "interval", "true"))
        agent.stop()

    def test_hope_ends_the_wait(self):
        specs = self.write({"a.yaml": spec("a")})
        self.service.kill()
        agent = self.agent(self.config(self.sync(dir=specs, timeout="1s")))
        agent.wait_report("one", "the service is missed", outcome="failed")
        agent.wait_said("READY")
        self.service.start()
        began = time.time()
        agent.wait_next("one", lambda: agent.signal(signal.SIGUSR1), outcome="applied")
        self.assertLess(seconds(agent.report("one")["started"]) - began, 9)


class TokenTest(AgentCase):
    def test_a_token_file_is_read_again(self):
        specs = self.write({"a.yaml": spec("a")})
        old, new = self.service.token, self.secret("token")
        mine = self.tmp / "mine"
        mine.touch(mode=0o600)
        mine.write_text(new + "\n")
        config = self.config(self.sync(dir=specs), service={"endpoint": self.service.endpoint, "token_file": str(mine)})
        agent = self.agent(config)
        report = agent.wait_report("one", "the token is refused", outcome="failed")
        self.assertIn("401", json.dumps(report["errors"]))
        self.assertFalse(agent.ready())
        mine.write_text(old + "\n")
        agent.wait_next("one", lambda: agent.signal(signal.SIGUSR1), outcome="applied")
        agent.wait_ready()
        agent.stop()
        self.assertNoSecretIn(self.state)


    def test_files_that_others_can_read_are_warned_of_once(self):
        specs = self.write({"a.yaml": spec("a")})
        files = {"token file": self.tmp / "shared", "hook secret file": self.tmp / "hook"}
        files["token file"].write_text(self.service.token + "\n")
        files["hook secret file"].write_text(self.secret("hook") + "\n")
        for file in files.values():
            file.chmod(0o644)
        service = {"endpoint": self.service.endpoint, "token_file": str(files["token file"])}
        sync = self.sync(dir=specs, hook={"secret_file": str(files["hook secret file"])})
        agent = self.agent(self.config(sync, service=service))
        agent.wait_ready()
        agent.wait_next("one", lambda: agent.signal(signal.SIGUSR1), outcome="converged")
        agent.reload()
        agent.stop()
        for name, file in files.items():
            warning = f'warning: {name} "{file}" can be read by others: chmod 600 it\n'
            self.assertEqual(agent.output().count(warning), 1, agent.output())


class GitDownTest(AgentCase):
    def test_without_git_drift_is_healed_and_nothing_made_or_deleted(self):
        repository = Repository(self.tmp / "site/repo.git")
        repository.commit({"a.yaml": spec("a"), "b.yaml": spec("b")})
        daemon = Daemon(self.tmp, self.tmp / "site")
        self.addCleanup(daemon.stop)
        agent = self.agent(self.config(self.sync(git=daemon.url("repo.git"), poll="300ms", interval="1s", prune=True)))
        agent.wait_ready()
        daemon.stop()
        # Nothing is to be done, and yet the cycle of an old revision is not a good one.
        report = agent.wait_next("one", lambda: None, outcome="partial")
        self.assertEqual((report["exit_code"], report["summary"]["none"], report["summary"]["deferred"]), (4, 2, 0))
        self.assertFalse(agent.ready())
        self.assertGreaterEqual(agent.metrics()["flowsync_reconcile_total", {"sync": "one", "result": "partial"}], 1)
        self.service.delete("b")
        # One of ours that is declared no more: to be deleted, if anything may be.
        mark = next(tag["name"] for tag in self.service.describe("a")["tags"] if "-id-" in tag["name"])
        name = hashlib.sha256(b"gone").hexdigest()[:8]
        self.service.create({**json.loads(spec("gone")), "tags": [
            {"name": "flowsync-one"}, {"name": f"flowsync-id-{name}-{mark.split('-')[-1]}"}]})
        self.drift("a", "false")
        wait_for(lambda: self.command_of("a") == "true", "drift is healed", also=agent.output)
        # The cycle that healed may have listed the workflows before b was deleted.
        agent.wait_for(lambda: agent.report("one")["summary"]["deferred"] == 1, "the create is deferred")
        report = agent.report("one")
        self.assertEqual((report["exit_code"], report["outcome"], report["summary"]["delete"]), (4, "partial", 0))
        self.assertEqual([(w["name"], w["action"], w["result"]) for w in report["workflows"] if w["name"] != "a"],
                         [("b", "create", "deferred")])
        self.assertIn("git repository git://", json.dumps(report["errors"]))
        self.assertIn("workflows are neither created nor deleted", json.dumps(report["warnings"]))
        self.assertEqual(agent.output().count("warning: one: git repository"), 1)
        self.assertEqual(self.names(), ["a", "gone"])
        self.assertFalse(agent.ready())
        self.assertGreaterEqual(agent.metrics()["flowsync_git_fetch_fail_total", {"sync": "one"}], 1)
        daemon.start()
        last = repository.commit({"c.yaml": spec("c")})
        # Ten seconds of backoff, and up to a tenth more; or the next interval that asks.
        agent.wait_for(lambda: agent.report("one")["source"]["revision"] == last and agent.ready(), "it is good again")
        self.assertEqual(self.names(), ["a", "b", "c"])
        agent.stop()

    def test_a_repository_that_was_never_there_is_waited_for(self):
        agent = self.agent(self.config(self.sync(git=self.tmp / "site/repo.git", poll="300ms", interval="2s")))
        report = agent.wait_for(lambda: agent.report("one"), "a cycle ended")
        self.assertEqual(report["outcome"], "failed")
        self.assertEqual(report["summary"]["observed"], 0)
        Repository(self.tmp / "site/repo.git").commit({"a.yaml": spec("a")})
        agent.wait_ready()
        self.assertEqual(self.names(), ["a"])


    def test_a_fetch_that_hangs_holds_up_no_stop(self):
        silent = Silent()
        self.addCleanup(silent.stop)
        agent = self.agent(self.config(self.sync(git=silent.url("repo.git"))))
        silent.wait(silent.came)
        children = list(agent.children())
        agent.signal(signal.SIGINT)
        result = agent.wait_end(0)
        self.assertNotRegex(result.out, "flowsync: (error|warning)")
        self.assertRegex(result.out, r"\A20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z flowsync: ")
        self.assertFalse(any(map(alive, children)))
        self.assertEqual(self.reports(), [])


class HurryTest(AgentCase):
    def test_a_newer_revision_ends_the_waiting_of_an_older_cycle(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        refused = threading.Event()

        def hook(request, _):
            # Only the first write of a: it is asked to come again in an hour.
            if request.method != "GET" and '"date"' in request.body and not refused.is_set():
                refused.set()
                return 503, {"detail": "later"}, {"Retry-After": "3600"}
            return None
        fake = self.between(hook)
        agent = self.agent(self.config(self.sync(dir=specs, timeout="2h"), endpoint=fake.endpoint))
        agent.wait_ready()
        (specs / "a.yaml").write_text(spec("a", "date"))
        wait_for(refused.is_set, "the write was refused")
        (specs / "a.yaml").write_text(spec("a", "uptime"))
        wait_for(lambda: self.command_of("a") == "uptime", "the newer one is applied", also=agent.output)
        agent.wait_ready()
        older = self.reports()[1]
        self.assertNotEqual(older["outcome"], "applied")
        self.assertIn("503", json.dumps(older["workflows"]))
        agent.stop()


class DeferredTest(AgentCase):
    takes_long = True

    def test_a_workflow_that_runs_is_tried_again_without_a_whole_cycle(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        busy = threading.Event()

        def hook(request, _):
            if request.method in ("PUT", "PATCH") and busy.is_set():
                return 409, {"detail": "the workflow is running"}
            return None
        fake = self.between(hook)
        agent = self.agent(self.config(self.sync(dir=specs), endpoint=fake.endpoint))
        agent.wait_ready()
        busy.set()
        (specs / "a.yaml").write_text(spec("a", "date"))
        report = agent.wait_report("one", "the step is deferred", outcome="partial")
        self.assertEqual((report["exit_code"], report["summary"]["deferred"]), (4, 1))
        self.assertEqual(agent.metrics()["flowsync_objects", {"sync": "one", "state": "deferred"}], 1)
        busy.clear()
        asked = len(fake.told())
        # Thirty seconds.
        report = agent.wait_report("one", "it is done", outcome="applied", trigger="deferred")
        self.assertEqual([w["name"] for w in report["workflows"]], ["a"])
        self.assertEqual(self.command_of("a"), "date")
        self.assertNotIn(f"GET /workflows/{self.service.id_of('b')}", fake.told()[asked:])
        agent.wait_ready()
        metrics = agent.metrics()
        self.assertEqual([metrics["flowsync_objects", {"sync": "one", "state": s}] for s in ("synced", "deferred")],
                         [2, 0])
        agent.stop()

    def test_a_deferred_step_that_is_done_makes_nothing_else_good(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b"), "c.yaml": spec("c")})
        self.expect(0, "sync", specs, "--only", "c", "--owner", "other")
        busy = threading.Event()

        def hook(request, _):
            if request.method in ("PUT", "PATCH") and busy.is_set():
                return 409, {"detail": "the workflow is running"}
            return None
        agent = self.agent(self.config(self.sync(dir=specs, interval="1h"), endpoint=self.between(hook).endpoint))
        agent.wait_report("one", "the first cycle is over", outcome="conflict")
        busy.set()
        (specs / "a.yaml").write_text(spec("a", "date"))
        agent.wait_for(lambda: agent.report("one").get("summary", {}).get("deferred") == 1, "a step is deferred")
        busy.clear()
        agent.wait_report("one", "it is done", outcome="applied", trigger="deferred")
        status = agent.status()["one"]
        self.assertEqual((status["ready"], status["why"]), (False, "conflict"))
        self.assertFalse(agent.ready())
        agent.stop()


class NeighbourTest(AgentCase):
    """Several syncs of one agent know nothing of each other."""

    def test_one_that_hangs_and_one_that_is_broken_harm_no_other(self):
        never = threading.Event()
        self.addCleanup(never.set)
        hanging = self.fake(lambda request: never.wait(TIMEOUT) and (500, {}))
        good, broken = self.write({"a.yaml": spec("a")}), self.write({"b.yaml": "name: b\nsteps: 1\n"}, "broken")
        token = {"token_file": str(self.service.token_file)}
        agent = self.agent(self.config(
            self.sync("hangs", dir=good, service={"endpoint": hanging.endpoint, **token}),
            self.sync("broken", dir=broken), self.sync("good", dir=good, interval="300ms")))
        agent.wait_for(lambda: sum(r["sync"] == "good" for r in self.reports()) >= 5, "the good one has its cycles")
        agent.wait_report("broken", "the broken one has had its cycle", outcome="invalid")
        status = agent.status()
        self.assertEqual((status["good"]["ready"], status["good"]["why"]), (True, None))
        self.assertEqual((status["broken"]["ready"], status["broken"]["why"]), (False, "invalid"))
        self.assertEqual((status["hangs"]["ready"], status["hangs"]["running"], status["hangs"]["report"]),
                         (False, "cycle", None))
        self.assertEqual(agent.get("/healthz")[0], 200)
        self.assertEqual(agent.get("/readyz")[0], 503)
        metrics = agent.metrics()
        self.assertEqual(metrics["flowsync_reconcile_total", {"sync": "broken", "result": "invalid"}], 1)
        agent.stop()
        self.assertEqual([r["outcome"] for r in self.reports() if r["sync"] == "hangs"], ["interrupted"])

    def test_a_cycle_that_outlives_its_limit_is_ended(self):
        specs = self.write({"a.yaml": spec("a")})
        never = threading.Event()
        self.addCleanup(never.set)
        hanging = self.fake(lambda request: never.wait(TIMEOUT) and (500, {}))
        agent = self.agent(self.config(self.sync(dir=specs, timeout="1s"), endpoint=hanging.endpoint))
        report = agent.wait_report("one", "the limit ends it", outcome="failed")
        self.assertLess(report["duration_s"], TIMEOUT)
        agent.wait_for(lambda: agent.children() == {}, "no child is left")

    def test_a_child_that_is_stopped_does_not_stop_the_loop(self):
        specs = self.write({"a.yaml": spec("a")})
        endpoint, gate, came = self.gate()
        agent = self.agent(self.config(self.sync(dir=specs), endpoint=endpoint))
        wait_for(lambda: came, "a write has come")
        child = agent.wait_child("agent-cycle")
        os.kill(child, signal.SIGSTOP)
        self.assertEqual((agent.get("/healthz")[0], agent.status()["one"]["running"]), (200, "cycle"))
        os.kill(child, signal.SIGCONT)
        gate.set()
        agent.wait_ready()
        agent.stop()


if __name__ == "__main__":
    unittest.main()
