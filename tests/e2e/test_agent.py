"""The agent on a directory: from its start to its end, what it tells, and who may work beside it."""
import json
import os
import re
import signal
import socket
import time
import unittest

from agent import AgentCase, alive, rss, spec, wait_for
from flowsync import SANITIZED, TIMEOUT


class LifeTest(AgentCase):
    """The life of one agent, from the first cycle to the last."""

    def setUp(self):
        super().setUp()
        self.specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})

    def put(self, name, text):
        (self.specs / name).write_text(text)

    def test_from_the_first_cycle_to_the_last(self):
        agent = self.agent(self.config(self.sync(dir=self.specs, prune=True, interval="2s")))
        first = agent.wait_report("one", "the first cycle is good", outcome="applied")
        self.assertEqual((first["mode"], first["trigger"], first["exit_code"]), ("agent", "start", 0))
        self.assertEqual(self.names(), ["a", "b"])

        changed = agent.wait_next("one", lambda: self.put("a.yaml", spec("a", "date")), outcome="applied")
        self.assertEqual((changed["trigger"], changed["summary"]["patch"]), ("source", 1))
        self.assertEqual(self.command_of("a"), "date")

        healed = agent.wait_next("one", lambda: self.drift("b", "false"), outcome="applied")
        self.assertEqual((healed["trigger"], healed["workflows"][0]["reason"]), ("interval", "drift"))
        self.assertEqual(self.command_of("b"), "true")

        pruned = agent.wait_next("one", (self.specs / "b.yaml").unlink, outcome="applied")
        self.assertEqual((pruned["trigger"], pruned["summary"]["delete"]), ("source", 1))
        self.assertEqual(self.names(), ["a"])

        metrics = agent.metrics()
        one = {"sync": "one"}
        for action, count in (("create", 2), ("patch", 2), ("delete", 1)):
            self.assertEqual(metrics["flowsync_operations_total", {**one, "action": action, "result": "applied"}],
                             count, action)
        self.assertGreaterEqual(metrics["flowsync_reconcile_total", {**one, "result": "applied"}], 4)
        agent.stop()
        reports = self.reports()
        self.assertEqual({r["mode"] for r in reports}, {"agent"})
        self.assertEqual([r["trigger"] for r in reports if r["outcome"] == "applied"],
                         ["start", "source", "interval", "source"])
        shown = self.expect(0, "report", "list").out
        for report in reports:
            self.assertIn(report["cycle_id"], shown)

    def test_a_rename_of_a_file_is_no_change(self):
        agent = self.agent(self.config(self.sync(dir=self.specs, prune=True)))
        agent.wait_ready()
        before = self.service.describe("a")
        agent.wait_next("one", lambda: (self.specs / "a.yaml").rename(self.specs / "z.yaml"), outcome="converged")
        self.assertEqual(self.service.describe("a"), before)

    def test_a_signal_begins_a_cycle_now(self):
        agent = self.agent(self.config(self.sync(dir=self.specs)))
        agent.wait_ready()
        self.service.delete("a")
        agent.wait_next("one", lambda: agent.signal(signal.SIGUSR1), trigger="signal", outcome="applied")
        self.assertEqual(self.names(), ["a", "b"])

    def test_a_warning_is_in_each_report_and_logged_once_for_each_change(self):
        agent = self.agent(self.config(self.sync(dir=self.specs)))
        agent.wait_ready()
        line = '1 workflow of ours is no longer declared ("b"); --owner one --prune would delete it'
        for count in (1, 2):
            agent.wait_next("one", (self.specs / "b.yaml").unlink, trigger="source")
            report = agent.wait_next("one", lambda: agent.signal(signal.SIGUSR1), trigger="signal")
            self.assertEqual([w["message"] for w in report["warnings"]], [line])
            self.assertEqual(agent.output().count(line), count)
            agent.wait_next("one", lambda: self.put("b.yaml", spec("b")), outcome="converged")

    def test_a_source_that_is_not_there_yet_is_waited_for(self):
        agent = self.agent(self.config(self.sync(dir=self.tmp / "later", interval="1s")))
        agent.wait_for(lambda: agent.report("one"), "a first cycle ended")
        self.assertFalse(agent.ready())
        self.specs.rename(self.tmp / "later")
        agent.wait_ready()
        self.assertEqual(self.names(), ["a", "b"])

    def test_without_a_configuration_the_options_say_what_it_is(self):
        agent = self.agent("{}", "--dir", self.specs, "--owner", "me", "--interval", "1h",
                           env=self._given(True))
        report = agent.wait_report("default", "the first cycle is good", outcome="applied")
        self.assertEqual(report["owner"], "me")
        agent.stop()

    def test_the_local_service_runs_inside_and_is_reached_by_other_commands(self):
        other = self.write({"c.yaml": spec("c")}, "other")
        agent = self.agent(self.config(self.sync(dir=self.specs), self.sync("two", dir=other),
                                       service={"endpoint": "local"}))
        agent.wait_for(lambda: len(agent.status()) == 2 and agent.ready(), "both are good")
        agent.wait_next("two", lambda: (other / "a.yaml").write_text(spec("a")), outcome="conflict")
        self.put("a.yaml", spec("a", "uptime"))
        wait_for(lambda: "uptime" in self.flowsync("workflow", "describe", "a", endpoint="local").out,
                 "the change is seen")
        agent.stop()


class EarlyEndTest(AgentCase):
    def catches(self, process):
        """True if the process has a handler for SIGTERM."""
        with open(f"/proc/{process.pid}/status") as f:
            caught = int(re.search(r"^SigCgt:\s+([0-9a-f]+)$", f.read(), re.M)[1], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    def test_sigterm_at_the_very_start_ends_it_cleanly(self):
        config = self.config(self.sync(dir=self.write({"a.yaml": spec("a")})))
        # At once, mostly before the handler; then as soon as there is one, mostly before the loop.
        for early, codes in ((True, (0, -signal.SIGTERM)), (False, (0,))):
            with self.subTest(early=early):
                agent = self.agent(config, wait=False)
                while not early and not self.catches(agent.process):
                    self.assertIsNone(agent.process.poll())
                agent.signal(signal.SIGTERM)
                agent.process.wait(TIMEOUT)
                self.assertIn(agent.process.returncode, codes, agent.output())
                self.assertNotIn("error", agent.output())
                agent.close()
        agent = self.agent(config)
        agent.wait_ready()
        agent.stop()


class FaceTest(AgentCase):
    """What it tells over HTTP, to systemd, and in its log."""

    @unittest.skipIf(SANITIZED, "a sanitizer has memory of its own")
    def test_the_agent_stays_small_whatever_the_size_of_a_report(self):
        count, mib = 40, 1 << 20
        specs = self.write({f"w{i}.yaml": spec(f"w{i}", f"echo {i} {'x' * 500_000}") for i in range(count)})
        endpoint, gate, came = self.gate()
        agent = self.agent(self.config(self.sync(dir=specs), endpoint=endpoint))
        agent.wait_for(lambda: came, "a write has come")
        before = rss(agent.process.pid)
        gate.set()
        agent.wait_ready()
        stored = next((self.state / "reports").glob("[0-9]*.json")).read_bytes()
        self.assertGreater(len(stored), count * 500_000)
        status, text = agent.get("/status")
        self.assertEqual(status, 200)
        self.assertIn(stored.decode(), text)
        # Its memory was never larger.
        self.assertLess(rss(agent.process.pid, "VmHWM"), before + 8 * mib)
        agent.stop()

    def test_a_report_that_cannot_be_stored_is_shown_without_its_workflows(self):
        specs = self.write({"a.yaml": spec("a")})
        self.state.mkdir(mode=0o700)
        (self.state / "reports").write_text("")
        agent = self.agent(self.config(self.sync(dir=specs)))
        agent.wait_ready()
        report = agent.report("one")
        self.assertEqual((report["outcome"], report["summary"]["create"], report["workflows"]), ("applied", 1, []))
        self.assertIn("this report is not stored", report["warnings"][0]["message"])
        (self.state / "reports").unlink()
        report = agent.wait_next("one", lambda: (specs / "a.yaml").write_text(spec("a", "date")), outcome="applied")
        self.assertEqual([w["name"] for w in report["workflows"]], ["a"])
        agent.stop()

    def test_the_pages_say_how_it_is(self):
        secret = self.secret("hook")
        (self.tmp / "hook").write_text(secret + "\n")
        password = self.secret("password")
        specs = self.write({"a.yaml": spec("a", steps={"one": {"imageId": 7, "command": "true",
                                                               "parameters": {"env": {"DB_PASSWORD": password}}}})})
        agent = self.agent(self.config(self.sync(dir=specs, hook={"secret_file": str(self.tmp / "hook")})))
        agent.wait_ready()
        self.assertEqual(agent.get("/healthz"), (200, "ok\n"))
        self.assertEqual(json.loads(agent.get("/readyz")[1]),
                         {"ready": True, "syncs": [{"name": "one", "ready": True, "why": None}]})
        status = agent.status()["one"]
        self.assertEqual((status["ready"], status["why"], status["running"]), (True, None, None))
        self.assertEqual(status["report"], self.reports()[-1])
        metrics = agent.metrics()
        self.assertEqual(metrics["flowsync_objects", {"sync": "one", "state": "synced"}], 1)
        self.assertEqual(metrics["flowsync_reconcile_total", {"sync": "one", "result": "applied"}], 1)
        self.assertGreater(metrics["flowsync_last_success_timestamp_seconds", {"sync": "one"}], time.time() - 300)
        self.assertEqual(agent.get("/")[0], 404)
        self.assertEqual(agent.get("/hook/one", b"{}")[0], 401)
        self.assertEqual(agent.get("/hook/two", b"{}")[0], 404)
        agent.wait_next("one", lambda: self.assertEqual(
            agent.get("/hook/one", b"{}", {"X-Flowsync-Token": secret})[0], 202), trigger="webhook")
        agent.wait_for(lambda: agent.metrics()["flowsync_webhook_events_total", {"sync": "one", "result": "accepted"}] == 1,
                       "the hook is counted")
        agent.stop()
        self.assertNoSecretIn(self.state, agent.log)

    def test_systemd_is_told(self):
        specs = self.write({"a.yaml": spec("a")})
        agent = self.agent(self.config(self.sync(dir=specs)), env={"WATCHDOG_USEC": "200000"})
        ready = agent.wait_said("READY")
        self.assertEqual(self.names(), ["a"])
        agent.wait_said("STATUS", "1 of 1 syncs succeeded")
        begin = len(agent.said)
        agent.wait_for(lambda: sum("WATCHDOG" in m for m in agent.said[begin:]) >= 3, "the watchdog is fed thrice")
        self.assertEqual(sum("READY" in m for m in agent.said), 1)
        agent.stop()
        self.assertLess(ready, agent.wait_said("STOPPING"))

    def test_a_first_cycle_that_fails_is_a_beginning_too(self):
        agent = self.agent(self.config(self.sync(dir=self.write({"a.yaml": "name: a\nstep: {}\n"}))))
        agent.wait_said("READY")
        agent.wait_said("STATUS", "0 of 1 syncs succeeded")
        status, text = agent.get("/readyz")
        self.assertEqual((status, json.loads(text)["syncs"][0]["why"]), (503, "invalid"))

    def test_every_line_of_a_json_log_is_an_object_that_names_its_sync(self):
        specs = self.write({f"{n}.yaml": spec(n) for n in "abcdefgh"})
        broken = self.write({"a.yaml": "name: [a\n"}, "broken")
        agent = self.agent(self.config(self.sync("good", dir=specs, interval="1s"),
                                       self.sync("bad", dir=broken)), "--log-format", "json", wait=False)
        agent.wait_for(lambda: [r["trigger"] for r in self.reports() if r["sync"] == "good"].count("interval") >= 2,
                       "two intervals are over")
        agent.stop()
        lines = [json.loads(line) for line in agent.output().splitlines()]
        for line in lines:
            self.assertEqual(set(line) - {"sync"}, {"ts", "level", "msg"})
        self.assertEqual({line.get("sync") for line in lines}, {None, "good", "bad"})
        # No line for what is unchanged: one about the first cycle, none about the others.
        good = [line["msg"] for line in lines if line.get("sync") == "good"]
        self.assertEqual(good, ["applied (8 create), trigger start"])

    def test_none_is_listened_to_if_so_asked(self):
        specs = self.write({"a.yaml": spec("a")})
        agent = self.agent(self.config(self.sync(dir=specs)), http="none", wait=False)
        agent.wait_said("READY")
        self.assertNotIn("http://", agent.output())
        agent.stop()

    def test_a_port_that_is_taken_is_said(self):
        specs = self.write({"a.yaml": spec("a")})
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            agent = self.agent(self.config(self.sync(dir=specs)), http=f"127.0.0.1:{port}", wait=False)
            result = agent.wait_end(1)
        self.assertRegex(result.out, rf"error: --http 127.0.0.1:{port}: .*Address already in use\n$")
        self.assertEqual(self.names(), [])


class BesideTest(AgentCase):
    """Who may work beside a running agent, and who may not; how it ends."""

    def setUp(self):
        super().setUp()
        self.specs = self.write({"a.yaml": spec("a")})
        self.simple = self.config(self.sync(dir=self.specs))

    def test_who_only_reads_may_and_who_writes_may_not(self):
        agent = self.agent(self.simple)
        agent.wait_ready()
        holder = rf"in use by another flowsync \(process {agent.process.pid}, since "
        second = self.agent(self.simple, name="second", wait=False)
        self.assertRegex(second.wait_end(5).out, holder)
        self.assertRegex(self.expect(5, "sync", self.specs, "--owner", "one").err, holder)
        self.expect(0, "plan", self.specs, "--owner", "one", "--detailed-exitcode")
        self.expect(0, "validate", self.specs)
        self.expect(0, "report", "latest")
        agent.stop()
        self.expect(0, "sync", self.specs, "--owner", "one")

    def test_a_configuration_that_can_not_be_run_is_refused(self):
        service = self.service
        given = {"endpoint": service.endpoint, "token_file": str(service.token_file)}
        one = self.sync(dir=self.specs, owner="us")
        cases = [
            (self.config(one, self.sync("two", dir=self.specs, owner="us")),
             'the syncs "one" and "two" have the same service and the same owner, "us": give each sync its own owner'),
            (self.config({**one, "source": {}}), "no directory is given"),
            (self.config({**one, "intervall": "1m"}), 'unknown key "intervall"; did you mean "interval"?'),
            (self.config(one, service={}), "endpoint"),
            (self.config({**one, "owner": None, "prune": True}), "add owner: NAME to the sync"),
            (self.config({**one, "source": {"git": {"url": str(self.specs), "branch": "a", "tag": "b"}}}),
             "syncs.source.git.branch and syncs.source.git.tag are given: choose one of them"),
            ({"syncs": [one]}, "add service: {endpoint: URL} to "),
            # The agent takes no argument: DIR is not suggested.
            ({"service": given}, "no directory is given: --dir DIR, FLOWSYNC_DIR, or source: {dir: ...}"),
            ("a: [", "flow"),
            (json.dumps(self.simple).encode("utf-16"), "this is UTF-16, not UTF-8"),
        ]
        for number, (config, text) in enumerate(cases):
            with self.subTest(text):
                agent = self.agent(config, name=f"wrong{number}", wait=False)
                self.assertIn(text, agent.wait_end(64).out)
        agent = self.agent(self.simple, "--sync", "one", wait=False)
        self.assertIn("--sync", agent.wait_end(64).out)
        (self.tmp / "flowsync.yaml").write_text(json.dumps({"syncs": [one]}))
        self.assertRegex(self.expect(64, "agent", endpoint=None).err, "using the configuration in this directory, "
                         "flowsync.yaml\n.*add service: {endpoint: URL} to flowsync.yaml ")
        self.assertIn("--config flowsync.yaml uses it", self.expect(64, "workflow", "list", endpoint=None).err)
        self.assertEqual(self.names(), [])

    def test_sigterm_finishes_the_step_in_flight_and_writes_the_report(self):
        endpoint, gate, came = self.gate()
        for name in "bcdefghijklmnop":
            (self.specs / f"{name}.yaml").write_text(spec(name))
        agent = self.agent(self.config(self.sync(dir=self.specs, concurrency=1), endpoint=endpoint))
        wait_for(lambda: came, "a write has come")
        agent.signal(signal.SIGTERM)
        agent.wait_said("STOPPING")
        gate.set()
        agent.wait_end(0)
        self.assertEqual(len(came), 1)
        self.assertEqual(len(self.names()), 1)
        report = self.reports()[-1]
        self.assertEqual((report["outcome"], report["summary"]["create"]), ("interrupted", 16))
        self.assertEqual([w["result"] for w in report["workflows"]].count("applied"), 1)

    def test_sigkill_leaves_no_child_and_no_half_state(self):
        endpoint, gate, came = self.gate()
        (self.specs / "b.yaml").write_text(spec("b"))
        config = self.config(self.sync(dir=self.specs, concurrency=1), endpoint=endpoint)
        agent = self.agent(config)
        wait_for(lambda: came, "a write has come")
        children = agent.kill()
        self.assertEqual(len(children), 1)
        gate.set()
        wait_for(lambda: not any(map(alive, children)), "the child has ended too")
        agent.start()
        agent.wait_ready()
        self.assertEqual(self.names(), ["a", "b"])
        agent.stop()

    def test_a_cycle_that_crashes_is_told_and_tried_again(self):
        endpoint, gate, came = self.gate()
        agent = self.agent(self.config(self.sync(dir=self.specs), endpoint=endpoint))
        wait_for(lambda: came, "a write has come")
        os.kill(agent.wait_child("agent-cycle"), signal.SIGKILL)
        agent.wait_logged("one: the cycle's process was killed by signal 9 (Killed)")
        agent.wait_for(lambda: agent.status()["one"]["why"] == "the cycle ended without a report", "it is not ready")
        gate.set()
        # Ten seconds and up to one more.
        agent.wait_ready()
        self.assertEqual(agent.report("one")["trigger"], "interval")
        self.assertEqual(self.names(), ["a"])
        self.assertEqual(agent.metrics()["flowsync_reconcile_total", {"sync": "one", "result": "failed"}], 1)
        self.assertEqual(agent.children(), {})
        agent.stop()

    def test_signals_to_the_whole_group_end_no_cycle(self):
        endpoint, gate, came = self.gate()
        agent = self.agent(self.config(self.sync(dir=self.specs), endpoint=endpoint))
        wait_for(lambda: came, "a write has come")
        # As `systemctl kill` does it.
        os.killpg(agent.process.pid, signal.SIGUSR1)
        os.killpg(agent.process.pid, signal.SIGHUP)
        gate.set()
        agent.wait_report("one", "the cycle after it is good", outcome="converged")
        self.assertEqual([r["outcome"] for r in self.reports()][0], "applied")
        agent.stop()


if __name__ == "__main__":
    unittest.main()
