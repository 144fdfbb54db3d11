"""import: what is on a service becomes spec files; a plan over them is empty at once, and they hold no secret."""
import json
import random
import re
import signal
import sys
import unittest

import flowsync
from test_peer import BODY
from test_secrets import AUTHS, SPEC
from test_sync import EXAMPLES, READS, SyncCase, body

sys.path.insert(0, str(flowsync.ROOT / "tests/peer"))
from peer import Peer   # noqa: E402

# With each of these alone (test_import_habits.py), and with random sets of them.
HABITS = ("", "defaults", "env-list", "env-map", "env-one-map", "reorder", "hide-tokens", "empty-tokens", "null-keys",
          "extra-keys", "https-urls", "hide-retry", "hide-metadata", "hide-auth", "reformat-storage", "number-texts",
          "drop-empty", "watcher-ids", "many-triggers", "page", "trim-text", "lower-tags", "stale-reads")
UNSAFE = ["../x", ".hidden", "a/b", "a b", "\u00fc", "n" * 200, "-rf", "/etc/cron.d/x", "\U0001f680{{x}}"]


class ImportCase(SyncCase):
    def get(self, *args, code=0, **options):
        """import to the folder got: its JSON."""
        result = self.expect(code, "import", "--out", "got", "-o", "json", *args, **options).json()
        self.assertEqual((result["report_version"], result["exit_code"]), (1, code))
        return result

    def files(self, folder="got"):
        return {f.name: f.read_text() for f in (self.tmp / folder).rglob("*")}

    def assertEmptyPlan(self, *args, **options):
        """A plan over what was imported is empty, and validate has nothing to say but that JSON is none."""
        self.assertNoSecretIn(self.tmp / "got")
        self.expect(0, "validate", "got", endpoint=None)
        plan = self.plan("got", *args, **options)
        self.assertEqual((plan["outcome"], plan["summary"]["settled"]), ("converged", 0), plan)
        self.assertLessEqual(set(plan["requests"]["by_operation"]), READS | {"get_default_resource"})
        return plan


class LocalImportTest(ImportCase):
    def test_a_plan_over_the_imported_examples_is_empty_with_state_and_without(self):
        self.sync(EXAMPLES)
        found = self.get()
        self.assertEqual([(w["name"], w["file"]) for w in found["workflows"]],
                         [(n, f"got/{n}.yaml") for n in sorted(w["name"] for w in self.service.workflows())])
        for more in ([], ["--undeclared", "remove"]):
            self.assertEqual(self.assertEmptyPlan(*more)["summary"]["none"], 7)
            self.assertEmptyPlan(*more, env={"FLOWSYNC_STATE_DIR": self.tmp / "other"})

    def test_a_plan_over_workflows_that_nobody_owns_is_empty(self):
        self.sync(EXAMPLES)
        for w in self.service.workflows():
            whole = self.service.describe(w["name"])
            for step in whole["steps"].values():
                step.pop("imageName", None)
                step.pop("imageVersion", None)
                env = (step.get("parameters") or {}).get("env")
                if env:
                    step["parameters"]["env"] = {k: v for item in env for k, v in item.items()}
            whole["tags"] = [t for t in whole["tags"] if not t["name"].startswith("flowsync-")]
            self.service.update(w["name"], {k: whole[k] for k in ("name", "tags", "watchers", "steps", "retryOptions",
                                                                  "metadata") if whole.get(k) is not None})
        self.get()
        self.assertEmptyPlan()
        self.assertNotIn("owner", "".join(self.files().values()))
        report = self.sync("--mark", "got")
        self.assertEqual(report["outcome"], "applied")
        self.assertEmptyPlan()

    def test_no_file_holds_a_secret_and_later_syncs_lose_none(self):
        for i, auth in enumerate(AUTHS):
            self.secrets += ["user-canary"]
            value = self.secret()
            self.sync(self.write({"w.yaml": SPEC.format(s=value, u="user-canary", auth=auth.format(s=value))}))
            before = self.service.describe("w")
            self.get("--name", "w")
            self.assertEmptyPlan()
            file = self.tmp / "got/w.yaml"
            file.write_text(file.read_text().replace("imageId: 7", "imageId: 8"))
            self.assertEqual(self.changes(self.plan("got", code=2), "w").keys(), {"/steps/run/imageId"})
            self.sync("got")
            after = self.service.describe("w")
            self.assertEqual(after["steps"].pop("run")["command"], before["steps"].pop("run")["command"])
            self.assertEqual((after["watchers"], after["steps"]), (before["watchers"], before["steps"]), i)
            file.unlink()

    def test_nothing_is_overwritten_and_nothing_is_written_beside_it(self):
        self.sync(EXAMPLES)
        self.write({"hello.yaml": "mine"}, "got")
        (self.tmp / "got/month-end.yaml").symlink_to("nowhere")
        found = self.get(code=1)
        self.assertEqual([(e["file"], e["message"]) for e in found["errors"]],
                         [(f"got/{n}.yaml", "the file exists; nothing is written") for n in ("hello", "month-end")])
        self.assertEqual(found["workflows"], [])
        self.assertEqual(sorted(f.name for f in (self.tmp / "got").iterdir()), ["hello.yaml", "month-end.yaml"])
        self.assertEqual((self.tmp / "got/hello.yaml").read_text(), "mine")
        self.get("--name", "report-*")
        self.assertIn("got/report-apac.yaml", map(lambda f: f"got/{f.name}", (self.tmp / "got").iterdir()))

    def test_names_that_no_file_can_have(self):
        for name in [*UNSAFE, "A b"]:
            self.service.create(body(name))
        found = self.get()
        names = {w["name"]: w["file"] for w in found["workflows"]}
        self.assertEqual(names, {
            "../x": "got/x.yaml", ".hidden": "got/hidden.yaml", "a/b": "got/a-b-3.yaml", "a b": "got/a-b-4.yaml",
            "\u00fc": "got/workflow.yaml", "n" * 200: f"got/{'n' * 100}.yaml", "-rf": "got/rf.yaml",
            "/etc/cron.d/x": "got/etc-cron.d-x.yaml", "\U0001f680{{x}}": "got/x-9.yaml", "A b": "got/A-b-10.yaml",
        } | {"../x": "got/x-1.yaml"})
        self.assertEqual({f.name for f in self.tmp.rglob("*.yaml")},
                         {file.removeprefix("got/") for file in names.values()})
        self.assertEmptyPlan()

    def test_two_of_one_name_are_not_written_and_the_others_are(self):
        for name in ("a", "b", "b", "c"):
            self.service.create(body(name))
        found = self.get(code=5)
        self.assertEqual([w["name"] for w in found["workflows"]], ["a", "c"])
        self.assertEqual([w["message"] for w in found["warnings"]],
                         ['the service has 2 workflows called "b" (ids 2, 3): it is unclear which one is meant; '
                          'none is written'])
        self.assertEmptyPlan()

    def test_what_is_printed_for_people(self):
        self.service.create(body("a"))
        self.service.create(body("long-name"))
        result = self.expect(0, "import", "--out", "new/deep/")
        self.assertEqual(result.out, "ID  NAME       FILE\n"
                                     "1   a          new/deep/a.yaml\n"
                                     "2   long-name  new/deep/long-name.yaml\n")
        self.assertEqual((self.tmp / "new/deep/a.yaml").stat().st_mode & 0o777, 0o644)
        self.assertEqual((self.tmp / "new").stat().st_mode & 0o777, 0o755)
        self.assertEqual(self.files("new/deep")["a.yaml"].splitlines()[0],
                         f"# workflow 1, imported from {self.service.endpoint}")

    def test_nothing_to_import(self):
        for args, said in (([], "the service has no workflows"),
                           (["--name", "x*"], 'the service has no workflow called "x*"')):
            self.assertEqual(self.get(*args)["warnings"][0]["message"], said)
        self.assertFalse((self.tmp / "got").exists())

    def test_a_place_that_is_none(self):
        (self.tmp / "file").touch()
        self.assertIn("no directory is given", self.expect(64, "import").err)
        self.assertIn("--out -: import writes a directory of files", self.expect(64, "import", "--out", "-").err)
        self.assertIn("--out file: expected a directory, found a file", self.expect(64, "import", "--out", "file").err)
        self.assertIn("Not a directory", self.expect(64, "import", "--out", "file/below", "-o", "json").out)

    def test_two_imports_give_the_same_bytes(self):
        self.sync(EXAMPLES)
        self.get()
        self.expect(0, "import", "--out", "again", "-q")
        self.assertEqual(self.files(), self.files("again"))

    def test_the_embedded_service(self):
        self.expect(0, "sync", EXAMPLES, endpoint="local")
        self.expect(0, "import", "--out", "got", endpoint="local")
        # Several are made at a time: which of them is the first is not said.
        self.assertRegex(self.files()["hello.yaml"], r"\A# workflow \d+, imported from the local service\n")
        self.expect(0, "plan", "--detailed-exitcode", "got", endpoint="local")


class BadServiceImportTest(ImportCase):
    def answering(self, workflows, describe):
        page = {"pageCount": 1, "pageNumber": 1, "pageSize": 100, "workflowsCount": len(workflows),
                "workflows": workflows}
        return self.fake(lambda r: (200, page) if r.path.split("?")[0].endswith("/workflows/") else
                         describe(int(r.path.rpartition("/")[2]))).endpoint

    def three(self, second):
        def describe(id):
            return second if id == 2 else (200, {"id": id, **body(f"w{id}")})
        return self.answering([{"id": i, "name": f"w{i}"} for i in (1, 2, 3)], describe)

    def test_one_that_cannot_be_had_keeps_no_other_back(self):
        value = self.secret()
        for second, said in (
                ((404, {"detail": "gone"}), 'describe workflow 2 "w2": the service answered 404 (not found): gone'),
                ((200, {"id": 2, "name": "w2", "steps": {"s": {"imageId": "7", "command": value}}}),
                 'workflow 2 "w2": it would not be a valid spec: /steps/s/imageId: expected a whole number, found a text'),
                ((200, {"id": 2, "name": "w2", "steps": {"s": {"type": "http", "method": "get", "url": "u",
                                                               "auth": [value]}}}),
                 'workflow 2 "w2": it would not be a valid spec: /steps/s/auth: expected a mapping, found a list')):
            found = self.get(code=4, endpoint=self.three(second))
            self.assertEqual([e["message"] for e in found["errors"]], [said])
            self.assertEqual(sorted(self.files()), ["w1.yaml", "w3.yaml"])
            for file in (self.tmp / "got").iterdir():
                file.unlink()

    def test_a_workflow_over_a_file_s_size_is_no_spec(self):
        big = {"id": 2, "name": "w2", "steps": {"s": {"imageId": 7, "command": "x" * (1 << 20)}}}
        found = self.get(code=4, endpoint=self.three((200, big)))
        self.assertRegex(found["errors"][0]["message"], "not be a valid spec: the file is too large")

    def test_a_token_that_is_refused(self):
        fake = self.fake(lambda r: (401, {"detail": "no"}))
        self.assertIn("401", self.get(code=1, endpoint=fake.endpoint)["errors"][0]["message"])
        found = self.get(code=1, endpoint=self.three((401, {})))
        self.assertIn("401", found["errors"][0]["message"])

    def test_an_interrupted_import_ends_with_what_it_has(self):
        endpoint = self.three((503, "", {"Retry-After": "60"}))
        process = self.start("import", "--out", "got", "-o", "json", "--concurrency", "1", endpoint=endpoint)
        while not (self.tmp / "got/w1.yaml").exists():
            self.assertIsNone(process.poll())
        self.interrupt(process, signal.SIGTERM)
        result = self.finish(process)
        self.assertEqual(result.code, 143, result)
        self.assertEqual(json.loads(result.out)["exit_code"], 143)


class PeerImportCase(ImportCase):
    def peer(self, *names):
        peer = Peer(self.token_file().read_text().strip(), names).start()
        self.addCleanup(peer.stop)
        return peer

    def check(self, peer, names):
        """Import and plan; with the state of a sync, and with none."""
        for path in (self.tmp / "got").glob("*"):
            path.unlink()
        wrote = len(peer.writes())
        with self.subTest(names):
            self.get(endpoint=peer.url)
            self.assertEmptyPlan(endpoint=peer.url)
            self.assertEmptyPlan(endpoint=peer.url, env={"FLOWSYNC_STATE_DIR": self.tmp / "other"})
            self.assertEqual((len(peer.writes()), peer.complaints + peer.broken), (wrote, []))

    def full(self, *names):
        peer = self.peer(*names)
        for spec in ("w", "Work"):
            value = self.secret()
            step = {"imageId": 7, "command": f"x https://{value}@h", "repository": {
                "url": "g/x", "branch": "b", "token": value}, "parameters": {"env": {"KEY": value, "A": "1"}}}
            post = {"type": "http", "method": "post", "url": f"https://h/?{value}", "headers": {"absolute": {"A": value}},
                    "auth": {"type": "basic", "username": value, "password": value}}
            peer.add({**BODY, "name": spec, "steps": {**BODY["steps"], "x": step, "y": post}, "watchers": [
                *BODY["watchers"], {"webhook": {"name": "p", "url": f"https://h/{value}", "payload": f'"{value}"'},
                                    "events": {"fail": True}}]})
        for name in UNSAFE:
            peer.add(body(name))
        return peer


class PeerImportTest(PeerImportCase):
    def test_with_random_sets_of_habits(self):
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        for _ in range(8):
            names = rng.sample([h for h in HABITS if h], 6)
            self.check(self.full(*names), f"seed {seed}: {names}")

    def test_the_service_s_order_does_not_matter(self):
        peer = self.full("reorder", "defaults")
        self.get(endpoint=peer.url)
        self.expect(0, "import", "--out", "again", "-q", endpoint=peer.url)
        self.assertEqual(self.files(), self.files("again"))

    def test_numbers_as_text_are_told_of(self):
        peer = self.full("text-numbers")
        found = self.get(code=1, endpoint=peer.url)
        self.assertEqual(found["workflows"], [])
        self.assertTrue(all(re.search("expected a whole number, found a text|from 0 to", e["message"])
                            for e in found["errors"]), found)

    def test_a_thousand_workflows(self):
        peer = self.peer()
        for i in range(1000):
            peer.add(body(f"w{i}"))
        self.assertEqual(len(self.get(endpoint=peer.url)["workflows"]), 1000)
        self.assertEmptyPlan(endpoint=peer.url)


if __name__ == "__main__":
    unittest.main()
