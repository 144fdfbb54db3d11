"""plan --out, sync --plan and show: a plan that is made in one place and applied in another."""
import json
import re
import signal
import stat
import threading
import time

import flowsync
from git_source import GitCase
from test_sync import SyncCase, body, spec

ENV = "    parameters: {env: {A: b}}\n"


class PlanCase(SyncCase):
    def setUp(self):
        super().setUp()
        self.file = self.tmp / "plan.json"

    def save(self, *args, code=0, **options):
        """Saves a plan in self.file, and gives its report."""
        return self.expect(code, "plan", "-o", "json", "--out", self.file, *args, **options).json()

    def apply(self, *args, code=0, **options):
        return self.sync("--plan", self.file, *args, code=code, **options)

    def document(self):
        return json.loads(self.file.read_text())

    def refused(self, *args, **options):
        """The one sentence of a sync that refuses the plan, which asks the service nothing."""
        report = self.apply(*args, code=64, **options)
        self.assertEqual(report["requests"]["total"], 0)
        self.assertEqual(report["outcome"], "failed")
        self.assertEqual(len(report["errors"]), 1)
        return report["errors"][0]["message"].replace(str(self.tmp), "TMP")

    def errors(self, report):
        return {w["name"]: w["error"] for w in report["workflows"] if w["error"]}


class FileTest(PlanCase):
    def test_the_file_is_for_its_owner_alone_and_holds_no_secret(self):
        secret = self.secret("env")
        specs = self.write({"a.yaml": spec("a", more=f"    parameters: {{env: {{MY_TOKEN: {secret}}}}}\n"), "b.yaml": spec("b")})
        report = self.save(specs)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertNotIn(secret, self.file.read_text())
        plan = self.document()
        self.assertEqual(plan["plan_version"], 1)
        self.assertEqual([(s["name"], s["action"]) for s in plan["steps"]], [("a", "create"), ("b", "create")])
        self.assertEqual(plan["made_for"], {
            "endpoint": self.service.endpoint, "owner": "default",
            "options": {"adopt": "yes", "mark": False, "only": [], "prune": False, "undeclared": "keep"}})
        self.assertEqual(plan["report"]["workflows"], report["workflows"])
        self.assertEqual(self.service.workflows(), [])

    def test_a_file_that_others_could_read_is_replaced(self):
        self.file.write_text("x")
        self.file.chmod(0o644)
        self.save(self.write({"a.yaml": spec("a")}))
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_a_link_is_refused_before_the_service_is_asked(self):
        (self.tmp / "target").write_text("x")
        self.file.symlink_to(self.tmp / "target")
        report = self.save(self.write({"a.yaml": spec("a")}), code=1)
        self.assertEqual(report["requests"]["total"], 0)
        self.assertIn("it is a symbolic link", report["errors"][0]["message"])
        self.assertEqual((self.tmp / "target").read_text(), "x")

    def test_a_plan_that_is_not_whole_is_not_saved(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": "name: b\n"})
        report = self.save(specs, code=65)
        self.assertFalse(self.file.exists())
        self.assertIn(f"no plan was saved in {self.file}", [w["message"] for w in report["warnings"]])

    def test_a_plan_of_the_valid_specs_alone_is_not_saved(self):
        self.write({"a.yaml": spec("a"), "b.yaml": "name: b\n"})
        config = self.write({"c.yaml": "syncs: [{name: s, on_invalid: continue, source: {dir: specs}}]\n"}, ".") / "c.yaml"
        report = self.save("--config", config, code=65)
        self.assertEqual(self.results(report), {"a": ("create", "planned")})
        self.assertFalse(self.file.exists())

    def test_a_plan_that_was_interrupted_is_not_saved(self):
        self.service.create(body("a"))
        asked, answer = threading.Event(), threading.Event()
        self.addCleanup(answer.set)

        def hook(request, pass_on):
            if "pageNumber" not in request.path:
                asked.set()
                answer.wait(flowsync.TIMEOUT)
        service = self.between(hook)
        process = self.start("plan", "-o", "json", "--out", self.file,
                             self.write({"a.yaml": spec("a", "two"), "b.yaml": spec("b")}), endpoint=service.endpoint)
        self.assertTrue(asked.wait(flowsync.TIMEOUT))
        self.tell(process, signal.SIGINT)
        answer.set()
        result = self.finish(process)
        self.assertEqual(result.code, 130, result)
        self.assertEqual(result.json()["workflows"][1]["result"], "planned")
        self.assertFalse(self.file.exists())

    def test_without_a_service_no_plan_is_saved(self):
        specs = self.write({"a.yaml": spec("a")})
        fake = self.fake(lambda request: (500, {}))
        for code, endpoint in (64, None), (1, fake.endpoint), (64, "ftp://x"):
            report = self.save("--timeout", "1s", specs, code=code, endpoint=endpoint)
            self.assertFalse(self.file.exists())
            self.assertIn(f"no plan was saved in {self.file}", [w["message"] for w in report["warnings"]])

    def test_show_prints_what_plan_printed(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        printed = self.expect(0, "plan", "--out", self.file, specs).out
        shown = self.expect(0, "show", self.file, endpoint=None).out
        heading, empty, rest = shown.split("\n", 2)
        digest = self.document()["digest"]
        self.assertRegex(heading, f"^plan {digest[:10]} of 20.* for {self.service.endpoint}, owner default$")
        self.assertEqual((empty, rest), ("", printed))
        self.assertEqual(self.expect(0, "show", "-o", "json", self.file, endpoint=None).json(), self.document()["report"])

    def test_a_report_does_not_overwrite_the_plan(self):
        specs = self.write({"a.yaml": spec("a")})
        for more in ("-o", f"json={self.file}"), ("--report", self.file), ("-o", f"markdown={self.file}"):
            result = self.expect(64, "plan", "--out", self.file, *more, specs)
            self.assertIn(f"--out {self.file}: a report would overwrite the plan: name another file", result.err)
        self.assertFalse(self.file.exists())
        result = self.expect(64, "plan", "--out", "-", specs)
        self.assertIn("--out -: a plan is saved in a file", result.err)

    def test_a_plan_that_ran_out_of_time_is_not_saved(self):
        specs = self.write({f"{i}.yaml": spec(f"w{i}") for i in range(40)})
        self.sync(specs)
        self.write({f"{i}.yaml": spec(f"w{i}", "other") for i in range(40)})
        slow = self.between(lambda request, pass_on: time.sleep(0.2) if "workflows/" in request.path.partition("?")[0][-12:]
                            else None)
        self.file.write_text("before")
        result = self.flowsync("plan", "--out", self.file, "--observe", "full", "--timeout", "1s", specs,
                             endpoint=slow.endpoint)
        self.assertNotEqual(result.code, 0)
        self.assertIn(f"no plan was saved in {self.file}", result.err)
        self.assertEqual(self.file.read_text(), "before")

    def test_show_writes_every_form(self):
        specs = self.write({"a.yaml": spec("a")})
        forms = {form: self.expect(0, "plan", specs, "-o", form).out for form in ("markdown", "junit")}
        self.expect(0, "plan", "--out", self.file, specs)
        for form, printed in forms.items():
            shown = self.expect(0, "show", self.file, "-o", form, "-o", f"{form}={self.tmp / form}", endpoint=None).out
            self.assertEqual((self.tmp / form).read_text(), shown)
            self.assertEqual(*(re.sub(r"about a second|about \d+ seconds|\d{4}-[-\d:.TZ]+|time=.[\d.]+", "", text)
                               for text in (shown, printed)))

    def test_show_refuses_what_is_no_plan(self):
        report = self.tmp / "report.json"
        self.sync("--report", report, self.write({"a.yaml": spec("a")}))
        for name, text, said in [
                ("report.json", None, "this is no saved plan, as it has no plan_version; flowsync plan --out makes one"),
                ("cut", '{\n  "plan_version": 1,\n  "key": "0', None)]:
            path = self.tmp / name
            if text:
                path.write_text(text)
            result = self.expect(64, "show", path, endpoint=None)
            self.assertEqual(result.err, f"flowsync: error: {path}: {said}\n" if said else
                             f"flowsync: error: {path}:3:12: not JSON: it ends inside a string\n")
        result = self.expect(64, "show", self.tmp / "none", endpoint=None)
        self.assertEqual(result.err, f"flowsync: error: plan {self.tmp}/none: cannot be read: No such file or directory\n")

    def test_both_options_are_read_from_the_command_line_only(self):
        specs = self.write({"a.yaml": spec("a")})
        result = self.expect(0, "sync", specs, env={"FLOWSYNC_PLAN": self.file})
        self.assertIn("variable FLOWSYNC_PLAN is not used", result.err)
        self.expect(0, "plan", specs, env={"FLOWSYNC_OUT": self.file})
        self.assertFalse(self.file.exists())


class RefusedTest(PlanCase):
    def test_a_plan_for_one_local_service_is_not_for_another(self):
        specs = self.write({"a.yaml": spec("a")})
        one, two = ({"FLOWSYNC_STATE_DIR": self.tmp / name} for name in ("one", "two"))
        self.expect(0, "plan", "--out", self.file, specs, endpoint="local", env=one)
        result = self.expect(64, "sync", "--plan", self.file, specs, endpoint="local", env=two)
        self.assertIn(f"the plan was made for the endpoint local {self.tmp / 'one'}, and this sync has", result.err)
        self.expect(0, "sync", "--plan", self.file, specs, endpoint="local", env=one)

    def setUp(self):
        super().setUp()
        self.specs = self.write({"a.yaml": spec("a")})
        self.save(self.specs)

    def test_an_edited_plan(self):
        said = "TMP/plan.json: the plan was edited or damaged: its digest is not that of its content; make a new plan"
        text = self.file.read_text()
        for old, new in ('"create"', '"delete"'), ('"name": "a"', '"name": "b"'), ('"prune": false', '"prune": true'):
            self.file.write_text(text.replace(old, new, 1))
            self.assertEqual(self.refused(self.specs), said)
        self.file.write_text(text[:len(text) // 2])
        self.assertRegex(self.refused(self.specs), r"^TMP/plan.json:\d+:\d+: not JSON: it ends ")
        self.file.write_text(json.dumps(json.loads(text)))
        self.apply(self.specs)

    def test_an_unknown_version(self):
        plan = self.document()
        plan["plan_version"] = 2
        self.file.write_text(json.dumps(plan))
        self.assertEqual(self.refused(self.specs), "TMP/plan.json: plan_version 2 is not known to this flowsync, which knows 1: "
                         "apply the plan with the flowsync that made it, or make a new one")

    def test_another_endpoint_owner_or_option(self):
        def said(what):
            return f"TMP/plan.json: the plan was made for {what}: give what the plan was made for, or make a new plan"
        endpoint = self.service.endpoint
        other = endpoint.replace("127.0.0.1", "localhost")
        self.assertEqual(self.refused(self.specs, endpoint=other),
                         said(f"the endpoint {endpoint}, and this sync has {other}"))
        for args, what in [
                (["--owner", "b"], "the owner default, and this sync has b"),
                (["--only", "a"], 'only [], and this sync has ["a"]'),
                (["--mark"], "mark false, and this sync has true"),
                (["--adopt", "no"], 'adopt "yes", and this sync has "no"'),
                (["--undeclared", "remove"], 'undeclared "keep", and this sync has "remove"'),
                (["--owner", "default", "--prune"], "prune false, and this sync has true")]:
            with self.subTest(args=args):
                self.assertEqual(self.refused(*args, self.specs), said(what))
        self.assertEqual(self.service.workflows(), [])

    def test_the_plan_is_looked_at_before_the_source(self):
        self.write({"b.yaml": "name: b\n"})
        self.assertIn("the plan was made for the owner default", self.refused("--owner", "b", self.specs))
        self.apply(self.specs, code=65)

    def test_a_file_that_is_not_there(self):
        self.file.unlink()
        self.assertEqual(self.refused(self.specs), "plan TMP/plan.json: cannot be read: No such file or directory")


class ApplyTest(PlanCase):
    def test_the_report_says_which_plan(self):
        specs = self.write({"a.yaml": spec("a")})
        self.save(specs)
        result = self.expect(0, "sync", "-o", "json", "--plan", self.file, specs)
        report, plan = result.json(), self.document()
        self.assertEqual(report["plan"], {"file": str(self.file), "digest": plan["digest"], "created": plan["created"]})
        self.assertIn(f"applying plan {plan['digest'][:10]} of {self.file}, made at {plan['created']}", result.err)
        self.assertEqual(self.expect(0, "report", "latest", "-o", "json").json(), report)
        self.assertNotIn("plan", self.sync(specs))

    def test_a_second_sync_of_the_plan_writes_nothing(self):
        self.sync("--owner", "o", self.write({"a.yaml": spec("a"), "old.yaml": spec("old")}))
        (self.tmp / "specs" / "old.yaml").unlink()
        specs = self.write({"a.yaml": spec("a", "other"), "b.yaml": spec("b")})
        args = ("--owner", "o", "--prune", specs)
        self.save(*args)
        report = self.apply(*args)
        self.assertEqual(self.results(report), {
            "a": ("patch", "applied"), "b": ("create", "applied"), "old": ("delete", "applied")})
        again = self.apply(*args)
        self.assertEqual(again["outcome"], "converged")
        self.assertNoWrites(again)
        again = self.apply(*args, env={"FLOWSYNC_STATE_DIR": self.tmp / "none"})
        self.assertEqual(again["outcome"], "converged")
        self.assertNoWrites(again)

    def test_a_stale_spec_is_named_and_the_others_are_applied(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b"), "c.yaml": spec("c")})
        self.save("--set", "x=1", specs)
        self.write({"b.yaml": spec("b", "other")})
        (specs / "c.yaml").unlink()
        report = self.apply("--set", "x=1", specs, code=5)
        self.assertEqual(self.errors(report), {"b": "stale: its spec is not the one of the plan",
                                               "c": "stale: it is no longer declared"})
        self.assertEqual(report["summary"]["stale"], 2)
        self.assertEqual([w["name"] for w in self.service.workflows()], ["a"])
        self.assertEqual(report["outcome"], "conflict")

    def test_another_value_of_a_variable_is_another_spec(self):
        specs = self.write({"a.yaml": spec("a", "{{ x }}")})
        self.save("--set", "x=one", specs)
        report = self.apply("--set", "x=two", specs, code=5)
        self.assertEqual(self.errors(report), {"a": "stale: its spec is not the one of the plan"})
        self.assertEqual(self.apply("--set", "x=one", specs)["outcome"], "applied")

    def test_a_file_that_moved_is_the_same_spec(self):
        self.save(self.write({"a.yaml": spec("a")}))
        self.assertEqual(self.apply(self.write({"deep/z.yaml": "# moved\n" + spec("a")}, "other"))["outcome"], "applied")

    def test_a_workflow_that_was_changed_since_is_left_alone(self):
        self.sync(self.write({"a.yaml": spec("a"), "b.yaml": spec("b")}))
        specs = self.write({"a.yaml": spec("a", "two"), "b.yaml": spec("b", "two")})
        self.save(specs)
        self.service.update("a", body("a", "by hand", tags=self.service.describe("a")["tags"]))
        report = self.apply(specs, code=5)
        self.assertEqual(self.errors(report), {"a": "stale: it changed on the service since the plan"})
        self.assertEqual(self.service.describe("a")["steps"]["only"]["command"], "by hand")
        self.assertEqual(self.service.describe("b")["steps"]["only"]["command"], "two")

    def test_a_change_between_the_last_look_and_the_write_is_noticed(self):
        self.sync(self.write({"a.yaml": spec("a")}))
        specs = self.write({"a.yaml": spec("a", "two")})
        service, described = self.service, []

        def hook(request, pass_on):
            if request.method != "GET" or not request.path.partition("?")[0].endswith(f"/workflows/{number}"):
                return None
            described.append(request)
            if len(described) == 2:
                service.update("a", body("a", "by hand"))
            return None

        number = service.id_of("a")
        changing = self.between(hook)
        self.save(specs, endpoint=changing.endpoint)
        self.assertEqual(self.document()["made_for"]["endpoint"], changing.endpoint + "/workflows/api/v1")
        described.clear()
        report = self.apply(specs, code=5, endpoint=changing.endpoint)
        self.assertEqual(len(described), 2)
        self.assertEqual(self.errors(report), {"a": "stale: it changed on the service since the plan"})
        self.assertNoWrites(report)
        self.assertEqual(service.describe("a")["steps"]["only"]["command"], "by hand")

    def test_files_that_a_state_knows_already_are_compared_all_the_same(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        for _ in range(2):
            self.sync(specs)
        self.service.update("a", body("a", "by hand", tags=self.service.describe("a")["tags"]))
        self.assertEqual(self.results(self.save(specs)), {"a": ("patch", "planned")})
        report = self.apply(specs)
        self.assertEqual(self.results(report), {"a": ("patch", "applied")})
        self.assertEqual(self.service.describe("a")["steps"]["only"]["command"], "make all")
        again = self.apply(specs)
        self.assertEqual(again["outcome"], "converged")
        self.assertNoWrites(again)

    def test_an_execution_makes_nothing_stale(self):
        self.sync(self.write({"a.yaml": spec("a", "echo one")}))
        specs = self.write({"a.yaml": spec("a", "echo two")})
        self.save(specs)
        self.flowsync("workflow", "execute", "a", "--wait")
        self.assertIsNotNone(self.service.describe("a").get("lastExecution"))
        self.assertEqual(self.apply(specs)["outcome"], "applied")

    def test_what_is_not_in_the_plan_is_left_alone_and_counted(self):
        self.service.create(body("c"))
        self.save(self.write({"a.yaml": spec("a")}))
        specs = self.write({"b.yaml": spec("b"), "c.yaml": spec("c", "other")})
        report = self.apply(specs)
        self.assertEqual(self.results(report), {"a": ("create", "applied"), "b": ("create", "unplanned"),
                                                "c": ("patch", "unplanned")})
        self.assertEqual(report["summary"]["unplanned"], 2)
        self.assertIn('2 workflows would be changed by a sync, but not by this plan, and are left alone: "b", "c"',
                      [w["message"] for w in report["warnings"]])
        self.assertEqual(sorted(w["name"] for w in self.service.workflows()), ["a", "c"])

    def test_the_guards_are_checked_again(self):
        self.sync("--owner", "o", self.write({f"{n}.yaml": spec(n) for n in "abc"}))
        for name in "ab":
            (self.tmp / "specs" / f"{name}.yaml").unlink()
        args = ("--owner", "o", "--prune", self.tmp / "specs")
        self.save(*args, code=3)
        self.assertFalse(self.file.exists())
        self.save("--max-delete-percent", "100", *args)
        report = self.apply(*args, code=3)
        self.assertEqual([g["name"] for g in report["guards"] if g["result"] == "block"], ["delete-share"])
        self.assertEqual(len(self.service.workflows()), 3)
        self.assertEqual(self.apply("--max-delete-percent", "100", *args)["outcome"], "applied")
        self.assertEqual([w["name"] for w in self.service.workflows()], ["c"])

    def test_a_workflow_to_delete_that_was_changed_stays(self):
        self.sync("--owner", "o", self.write({f"{n}.yaml": spec(n) for n in "abc"}))
        (self.tmp / "specs" / "a.yaml").unlink()
        args = ("--owner", "o", "--prune", self.tmp / "specs")
        self.save(*args)
        tags = self.service.describe("a")["tags"]
        self.service.update("a", body("a", "by hand", tags=tags))
        report = self.apply(*args, code=5)
        self.assertEqual(self.errors(report), {"a": "stale: it changed on the service since the plan"})
        self.assertEqual(len(self.service.workflows()), 3)


class MergeTest(PlanCase, GitCase):
    """A plan that is made for a branch holds after it was merged, on another machine."""

    def setUp(self):
        super().setUp()
        self.commit({"wf/a.yaml": spec("a", more=ENV), "wf/b.yaml": spec("b"), "wf/old.yaml": spec("old")})
        self.cycle("sync", self.clone("first"))

    def clone(self, name, *args):
        self.git("clone", "-q", *args, self.repo, self.tmp / name, cwd=self.tmp)
        return self.tmp / name

    def cycle(self, command, checkout, *args, code=0):
        """Without anything that an earlier command remembers."""
        state = self.tmp / f"state-of-{len(list(self.tmp.iterdir()))}"
        return self.expect(code, command, "-o", "json", "--owner", "team", "--prune", *args, checkout / "wf",
                           env={"FLOWSYNC_STATE_DIR": state}).json()

    def propose(self):
        """A branch of two commits, and its plan."""
        self.git("checkout", "-q", "-b", "proposal")
        self.commit({"wf/a.yaml": spec("a", "two")})
        self.commit({"wf/c.yaml": spec("c")}, remove=["wf/old.yaml"])
        report = self.cycle("plan", self.clone("proposed", "--branch", "proposal"), "--out", self.file)
        self.assertEqual(self.results(report), {"a": ("replace", "planned"), "c": ("create", "planned"),
                                                "old": ("delete", "planned")})

    def merge(self):
        self.git("checkout", "-q", "main")
        self.commit({"note.txt": "meanwhile"})
        self.git("merge", "-q", "--squash", "proposal")
        self.git("commit", "-q", "-m", "merged")
        self.git("branch", "-q", "-D", "proposal")

    def test_it_is_applied_after_a_squash_merge_without_a_state(self):
        self.propose()
        self.merge()
        report = self.cycle("sync", self.clone("merged"), "--plan", self.file)
        self.assertEqual(self.results(report), {"a": ("replace", "applied"), "c": ("create", "applied"),
                                                "old": ("delete", "applied")})
        self.assertNotIn("parameters", self.service.describe("a")["steps"]["only"])
        self.assertEqual(sorted(w["name"] for w in self.service.workflows()), ["a", "b", "c"])

    def test_it_is_applied_from_a_repository_as_well(self):
        self.propose()
        self.merge()
        report = self.expect(0, "sync", "-o", "json", "--owner", "team", "--prune", "--git", self.repo, "--path", "wf",
                             "--plan", self.file).json()
        self.assertEqual(self.results(report), {"a": ("replace", "applied"), "c": ("create", "applied"),
                                                "old": ("delete", "applied")})

    def test_an_older_revision_is_no_more_allowed_than_without_a_plan(self):
        self.propose()
        self.merge()
        merged = self.clone("merged")
        state = {"FLOWSYNC_STATE_DIR": self.tmp / "state-of-pipeline"}
        args = ("--owner", "team", "--prune", merged / "wf", "--plan", self.file)
        self.apply(*args, env=state)
        self.git("reset", "-q", "--hard", "HEAD~1", cwd=merged)
        report = self.sync(*args, code=3, env=state)
        self.assertEqual([g["name"] for g in report["guards"] if g["result"] == "block"], ["rollback"])

    def test_what_others_merged_meanwhile_is_left_alone(self):
        self.propose()
        self.git("checkout", "-q", "main")
        self.commit({"wf/b.yaml": spec("b", "two")})
        self.merge()
        report = self.cycle("sync", self.clone("merged"), "--plan", self.file)
        self.assertEqual(self.results(report)["b"], ("patch", "unplanned"))
        self.assertEqual(report["summary"]["unplanned"], 1)
        self.assertEqual(self.service.describe("b")["steps"]["only"]["command"], "make all")

    def test_other_changes_than_the_plan_shows_are_not_made(self):
        """A shallow clone does not know that a key was removed, so the plan cannot be kept."""
        self.propose()
        self.merge()
        self.git("clone", "-q", "--depth", "1", f"file://{self.repo}", self.tmp / "shallow", cwd=self.tmp)
        report = self.cycle("sync", self.tmp / "shallow", "--plan", self.file, code=5)
        self.assertIn("stale: other changes would be made than the plan shows", self.errors(report)["a"])
        self.assertIn("parameters", self.service.describe("a")["steps"]["only"])
