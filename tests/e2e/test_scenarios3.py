"""What happens to people who keep their workflows in git, one scenario a test: adoption, renames, owners, prune, guards, records."""
import fcntl
import itertools
import json
import re
import sqlite3
import unittest

import flowsync
from test_laws import Git
from test_sync import SyncCase, body, spec

OWNER = ("--owner", "team")
PRUNE = ("--prune", *OWNER)


class ScenarioCase(SyncCase):
    def specs(self, *names, folder="specs", **texts):
        """A folder of just these specs: names of plain ones, or name=text."""
        top = self.write({}, folder)
        for old in top.glob("*.yaml"):
            old.unlink()
        return self.write({**{f"{n}.yaml": spec(n) for n in names},
                           **{f"{n}.yaml": text for n, text in texts.items()}}, folder)

    def names(self):
        return sorted(w["name"] for w in self.service.workflows())

    def ours(self, name):
        """Our tags on a workflow, without the digits."""
        tags = [t["name"] for t in self.service.describe(name)["tags"]]
        return sorted(re.sub(r"^(flowsync-id-)[0-9a-f]{8}-[0-9a-z][0-9a-f]{8}$", r"\1N-vD", t)
                      for t in tags if t.startswith("flowsync-"))

    def warnings(self, report):
        return [w["message"] for w in report["warnings"]]

    def errors(self, report):
        return [e["message"] for e in report["errors"]]

    def by_name(self, report):
        return {w["name"]: w for w in report["workflows"]}

    def reasons(self, report, name):
        """{path: (op, reason)}"""
        return {c["path"]: (c["op"], c["reason"]) for c in self.by_name(report)[name]["changes"]}

    def guard(self, report):
        """(name, limit, value) of those that block."""
        return [(g["name"], g["limit"], g["value"]) for g in report["guards"] if g["result"] == "block"]

    def relabel(self, name, change):
        """Somebody changes a workflow's tags by hand."""
        shown = self.service.describe(name)
        tags = change([t["name"] for t in shown["tags"]])
        self.service.update(name, body(name, tags=[{"name": t} for t in tags]))


class AdoptionTest(ScenarioCase):
    def test_the_first_adoption_of_200_workflows_writes_to_none_that_is_equal_and_marks_when_asked_to(self):
        names = [f"w{i:03}" for i in range(200)]
        for name in names:
            self.service.create(body(name))
        specs = self.specs(*names, w199=spec("w199", "make other"))
        first = self.sync(specs)
        self.assertEqual(self.results(first), {"w199": ("patch", "applied")})
        self.assertEqual(first["workflows"][0]["reason"], "adopted")
        self.assertEqual(first["requests"]["by_operation"]["update_workflow"], 1)
        self.assertIn('199 workflows ("w000" and others) have no owner tag yet, so they are not pruned; --mark writes the tags',
                      self.warnings(first))
        self.assertEqual(self.ours("w000"), [])
        self.assertEqual(self.ours("w199"), ["flowsync-default", "flowsync-id-N-vD"])
        again = self.sync(specs)
        self.assertNoWrites(again)
        self.assertEqual(again["summary"]["owned"], 1)
        marked = self.sync("--mark", specs)
        self.assertEqual((marked["exit_code"], marked["requests"]["by_operation"]["update_workflow"]), (0, 199))
        self.assertEqual(self.ours("w000"), ["flowsync-default", "flowsync-id-N-vD"])
        self.assertEqual(self.warnings(self.plan(specs)), [])
        self.assertConverged(specs)

    def test_with_adopt_no_a_workflow_of_a_declared_name_is_a_conflict_and_all_others_are_applied(self):
        self.service.create(body("a"))
        report = self.sync("--adopt", "no", self.specs("a", "b"), code=5)
        self.assertEqual(self.results(report), {"a": ("none", "conflict"), "b": ("create", "applied")})
        self.assertEqual(self.by_name(report)["a"]["error"],
                         "it has no owner tag, and adopting is off (--adopt no)")
        self.assertEqual(self.ours("a"), [])
        self.sync("--adopt", "no", self.specs("b"))

    def test_a_mass_image_bump_is_no_matter_for_a_guard_unless_asked_for(self):
        names = [f"w{i:03}" for i in range(200)]
        specs = self.specs(*names)
        self.sync(specs)
        for file in specs.iterdir():
            file.write_text(file.read_text().replace("imageId: 7", "imageId: 8"))
        blocked = self.sync("--max-update-percent", "50", specs, code=3)
        self.assertNoWrites(blocked)
        self.assertEqual(self.guard(blocked), [("update-share", "50 %", "200 of 200")])
        self.assertRegex(self.errors(blocked)[0], "200 of 200 declared workflows would be updated, over 50 %")
        report = self.sync(specs)
        self.assertEqual((report["summary"]["patch"], report["outcome"]), (200, "applied"))
        self.assertEqual(set(w["reason"] for w in report["workflows"]), {"declared"})
        self.assertConverged(specs)

    def test_the_owner_s_tag_removed_by_hand_it_is_adopted_again_and_not_pruned(self):
        self.sync(*OWNER, self.specs("a", "b", "c"))
        self.relabel("a", lambda tags: [])
        report = self.sync(*PRUNE, self.specs("b", "c"))
        self.assertEqual(report["summary"]["owned"], 2)
        self.assertEqual(self.names(), ["a", "b", "c"])
        report = self.sync(*PRUNE, self.specs("a", "b", "c", a=spec("a", "make other")))
        self.assertEqual(self.by_name(report)["a"]["result"], "applied")
        self.assertEqual(self.ours("a"), ["flowsync-id-N-vD", "flowsync-team"])
        self.sync(*PRUNE, self.specs("b", "c"))
        self.assertEqual(self.names(), ["b", "c"])

    def test_of_a_workflow_copied_by_hand_the_copy_is_nobody_s_and_never_pruned(self):
        specs = self.specs("a", "b")
        self.sync(*OWNER, specs)
        shown = self.service.describe("a")
        self.service.create(body("a (copy)", tags=shown["tags"]))
        report = self.sync(*PRUNE, specs)
        self.assertNoWrites(report)
        self.assertEqual(report["summary"]["owned"], 2)
        self.sync(*PRUNE, self.specs("b"))
        self.assertEqual(self.names(), ["a (copy)", "b"])
        # Declared, it is adopted like any other.
        report = self.sync(*PRUNE, self.specs("b", copy=spec("a (copy)", "make other")))
        self.assertEqual(self.by_name(report)["a (copy)"]["result"], "applied")
        self.assertEqual(self.ours("a (copy)"), ["flowsync-id-N-vD", "flowsync-team"])

    def test_two_owners_who_declare_one_name_are_a_conflict_and_nothing_is_touched(self):
        specs = self.specs("a")
        self.sync("--owner", "one", specs)
        before = self.service.describe("a")
        other = self.specs("b", a=spec("a", "make other"))
        for name, path in (("plan", ()), ("sync", ())):
            report = self.expect(5, name, "--owner", "two", "-o", "json", other).json()
            self.assertEqual(self.by_name(report)["a"]["error"], 'it belongs to owner "one" (tag flowsync-one)')
        report = self.sync("--owner", "two", "--prune", "--mark", other, code=5)
        self.assertEqual(report["outcome"], "conflict")
        self.assertEqual(self.service.describe("a"), before)
        self.assertEqual(self.ours("b"), ["flowsync-id-N-vD", "flowsync-two"])
        # Neither prunes what is the other's.
        self.sync("--owner", "one", "--prune", self.specs("a"))
        self.assertEqual(self.names(), ["a", "b"])


class RenameTest(ScenarioCase):
    def test_renamed_in_the_file_the_old_one_stays_without_prune(self):
        self.sync(*OWNER, self.specs("a", "b", "old"))
        report = self.sync(*OWNER, self.specs("a", "b", "new"))
        self.assertEqual(self.results(report), {"new": ("create", "applied")})
        self.assertEqual(self.names(), ["a", "b", "new", "old"])

    def test_renamed_in_the_file_the_old_one_is_pruned_after_the_new_one_was_made(self):
        self.sync(*OWNER, self.specs("a", "b", "old"))
        specs = self.specs("a", "b", "new")
        order = []

        def watch(request, pass_on):
            if request.method in ("POST", "DELETE"):
                order.append(request.method)
        fake = self.between(watch)
        report = self.sync(*PRUNE, "--state-dir", self.state / "other", specs, endpoint=fake.endpoint)
        self.assertEqual(self.results(report), {"new": ("create", "applied"), "old": ("delete", "applied")})
        self.assertEqual(self.by_name(report)["old"]["reason"], "undeclared")
        self.assertEqual(order, ["POST", "DELETE"])
        self.assertEqual(self.names(), ["a", "b", "new"])

    def test_a_delete_waits_while_the_create_has_not_succeeded(self):
        self.sync(*OWNER, self.specs("a", "b", "old"))
        specs = self.specs("a", "b", "new")
        fake = self.between(lambda request, _: (422, {"detail": "no"}) if request.method == "POST" else None)
        report = self.sync(*PRUNE, "--state-dir", self.state / "other", specs, code=1, endpoint=fake.endpoint)
        self.assertEqual(self.results(report), {"new": ("create", "failed"), "old": ("delete", "deferred")})
        self.assertEqual(self.by_name(report)["old"]["error"],
                         "waits for a create or a rename that has not succeeded")
        self.assertEqual(self.names(), ["a", "b", "old"])

    def test_renamed_in_the_ui_it_is_renamed_back_and_that_is_drift(self):
        specs = self.specs("a", "b")
        self.sync(*PRUNE, specs)
        id = self.service.id_of("a")
        self.service.update("a", body("a2", tags=self.service.describe("a")["tags"]))
        plan = self.plan(*PRUNE, specs, code=2)
        self.assertEqual(self.reasons(plan, "a"), {"/name": ("replace", "drift")})
        self.assertEqual(self.by_name(plan)["a"]["id"], id)
        report = self.sync(*PRUNE, specs)
        self.assertEqual(self.results(report), {"a": ("patch", "applied")})
        self.assertEqual((self.names(), self.service.id_of("a")), (["a", "b"], id))
        self.assertNoWrites(self.sync(*PRUNE, specs))

    def test_renamed_in_the_ui_it_is_found_without_state_too(self):
        specs = self.specs("a", "b")
        self.sync(*PRUNE, specs)
        id = self.service.id_of("a")
        self.service.update("a", body("a2", tags=self.service.describe("a")["tags"]))
        report = self.sync(*PRUNE, "--state-dir", self.tmp / "new", specs)
        self.assertEqual(self.reasons(report, "a"), {"/name": ("replace", "drift")})
        self.assertEqual((self.names(), self.service.id_of("a")), (["a", "b"], id))

    def test_renamed_by_renamed_from_the_id_is_kept(self):
        self.sync(*OWNER, self.specs("a", "old"))
        id = self.service.id_of("old")
        specs = self.specs("a", new="flowsync: {renamed_from: old}\nbody:\n  name: new\n  steps:\n    only: "
                                    "{imageId: 7, command: make all}\n")
        report = self.sync(*PRUNE, specs)
        self.assertEqual(self.results(report), {"new": ("patch", "applied")})
        self.assertEqual(self.reasons(report, "new"), {"/name": ("replace", "declared")})
        self.assertEqual((self.names(), self.service.id_of("new")), (["a", "new"], id))
        self.assertNoWrites(self.sync(*PRUNE, specs))
        self.assertNoWrites(self.sync(*PRUNE, self.specs("a", "new")))

    def test_a_key_that_goes_with_a_rename_is_removed(self):
        before = spec("old", more="    stepTimeout: 60\n")
        after = ("flowsync: {renamed_from: old}\nbody:\n  name: new\n  steps:\n    only: "
                 "{imageId: 7, command: make all}\n")
        wanted = {"/name": ("replace", "declared"), "/steps/only/stepTimeout": ("remove", "undeclared")}
        top = self.write({"w.yaml": before}, "repository")
        git = Git(top)
        git.commit()
        self.sync(top)
        self.write({"w.yaml": after}, "repository")
        git.commit()
        self.assertEqual(self.reasons(self.plan("--state-dir", self.tmp / "none", top, code=2), "new"), wanted)
        git.run("checkout", "-q", "--orphan", "without-history")
        git.commit()
        self.assertEqual(self.reasons(self.sync("--allow-rollback", top), "new"), wanted)
        self.assertConverged(top)

    def test_older_versions_are_known_by_both_names_with_what_a_configuration_masks(self):
        timed = spec("old", more="    stepTimeout: 60\n")
        after = ("flowsync: {renamed_from: old}\nbody:\n  name: new\n  steps:\n    only: "
                 "{imageId: 7, command: make all}\n")
        config = self.tmp / "mask.yaml"
        config.write_text("syncs: [{mask: [/steps/*/command]}]\n")
        top = self.write({"w.yaml": spec("new") + "---\n" + timed}, "repository")
        git = Git(top)
        git.commit()
        self.sync("-c", config, "--only", "old", top)
        self.write({"w.yaml": after}, "repository")
        git.commit()
        plan = self.plan("-c", config, "--state-dir", self.tmp / "none", top, code=2)
        self.assertEqual(self.reasons(plan, "new"), {"/name": ("replace", "declared"),
                                                     "/steps/only/stepTimeout": ("remove", "undeclared")})

    def test_both_names_of_renamed_from_there_is_a_conflict(self):
        self.sync(*OWNER, self.specs("new", "old"))
        specs = self.specs(new="flowsync: {renamed_from: old}\nbody:\n  name: new\n  steps:\n    only: "
                               "{imageId: 7, command: make other}\n")
        report = self.sync(*PRUNE, specs, code=5)
        self.assertNoWrites(report)
        self.assertEqual(self.names(), ["new", "old"])


class PruneTest(ScenarioCase):
    def test_prune_wants_an_owner_by_name(self):
        result = self.expect(64, "sync", "--prune", self.specs("a"))
        self.assertIn("--prune needs --owner NAME", result.err)

    def test_prune_deletes_what_is_owned_and_no_longer_declared_and_nothing_else(self):
        self.service.create(body("stranger"))
        self.sync("--owner", "other", self.specs("other"))
        self.sync(*OWNER, self.specs("a", "b", "c"))
        specs = self.specs("a", "b")
        self.assertNoWrites(self.sync(*OWNER, specs))
        plan = self.plan(*PRUNE, specs, code=2)
        self.assertEqual(self.results(plan), {"c": ("delete", "planned")})
        report = self.sync(*PRUNE, specs)
        self.assertEqual(self.results(report), {"c": ("delete", "applied")})
        self.assertEqual(self.names(), ["a", "b", "other", "stranger"])
        self.assertNoWrites(self.sync(*PRUNE, specs))

    def test_prune_false_stands_on_the_workflow_and_outlives_its_file(self):
        kept = "flowsync: {prune: false}\nbody:\n  name: kept\n  steps:\n    only: {imageId: 7, command: make all}\n"
        self.sync(*PRUNE, self.specs("a", "b", kept=kept))
        self.assertEqual(self.ours("kept"), ["flowsync-id-N-vD", "flowsync-keep", "flowsync-team"])
        self.assertNoWrites(self.sync(*PRUNE, "--state-dir", self.tmp / "new", self.specs("a", "b")))
        self.assertEqual(self.names(), ["a", "b", "kept"])
        # Allowed again, in a file: the tag goes, and with the next removal of the file the workflow.
        report = self.sync(*PRUNE, self.specs("a", "b", "kept"))
        self.assertEqual(self.by_name(report)["kept"]["result"], "applied")
        self.assertEqual(self.ours("kept"), ["flowsync-id-N-vD", "flowsync-team"])
        self.sync(*PRUNE, self.specs("a", "b"))
        self.assertEqual(self.names(), ["a", "b"])

    def test_a_page_missing_nothing_is_deleted_and_nothing_made(self):
        names = [f"w{i:03}" for i in range(120)]
        self.sync(*OWNER, self.specs(*names))

        def second_fails(request, pass_on):
            if "pageNumber=2" in request.path:
                return 404, {"detail": "no such page"}

        def second_is_empty(request, pass_on):
            if "pageNumber=2" in request.path:
                status, text, headers = pass_on(request)
                return status, {**json.loads(text), "workflows": []}, headers
        for hook in (second_fails, second_is_empty):
            report = self.sync(*PRUNE, "--allow-recreate", self.specs(*names[5:], "new"), code=1,
                               endpoint=self.between(hook).endpoint)
            self.assertNoWrites(report)
            self.assertEqual(report["workflows"], [])
        self.assertEqual(self.names(), names)

    def test_one_invalid_file_and_nothing_is_pruned_or_written(self):
        self.sync(*OWNER, self.specs("a", "b", "c"))
        report = self.sync(*PRUNE, self.specs("b", a=spec("a", "make other"), bad="name: 7\n"), code=65)
        self.assertEqual((report["outcome"], report["requests"]["total"]), ("invalid", 0))
        self.assertEqual(self.names(), ["a", "b", "c"])
        self.assertEqual(self.service.describe("a")["steps"]["only"]["command"], "make all")

    def test_only_some_are_meant_and_nothing_else_is_pruned(self):
        self.sync(*OWNER, self.specs("a1", "a2", "b1", "b2"))
        report = self.sync(*PRUNE, "--only", "a*", self.specs("a1", "b1"))
        self.assertEqual(self.results(report), {"a2": ("delete", "applied")})
        self.assertEqual(self.names(), ["a1", "b1", "b2"])


class GuardTest(ScenarioCase):
    def test_half_of_the_specs_gone_are_not_deleted_unless_that_is_meant(self):
        names = [f"w{i:02}" for i in range(20)]
        self.sync(*OWNER, self.specs(*names))
        specs = self.specs(*names[10:], w19=spec("w19", "make other"))
        report = self.sync(*PRUNE, specs, code=3)
        self.assertNoWrites(report)
        self.assertEqual((report["outcome"], self.guard(report)), ("blocked", [("delete-share", "30 %", "10 of 20")]))
        self.assertEqual(self.errors(report),
                         ["guard delete-share: 10 of 20 owned workflows would be deleted, over 30 % (" +
                          ", ".join(names[:10]) + "); if that is meant, give --max-delete-percent 50"])
        self.assertEqual(set(self.results(report).values()), {("delete", "blocked"), ("patch", "blocked")})
        self.plan(*PRUNE, specs, code=3)
        self.sync(*PRUNE, "--max-delete-percent", "49", specs, code=3)
        report = self.sync(*PRUNE, "--max-delete-percent", "50", specs)
        self.assertEqual((report["summary"]["delete"], report["summary"]["patch"]), (10, 1))
        self.assertEqual(self.names(), names[10:])

    def test_of_few_workflows_one_may_go_and_more_than_half_may_not(self):
        self.sync(*OWNER, self.specs("a", "b", "c"))
        report = self.sync(*PRUNE, self.specs("a"), code=3)
        self.assertEqual(self.guard(report), [("delete-share", "50 %", "2 of 3")])
        self.sync(*PRUNE, self.specs("a", "b"))
        self.sync(*PRUNE, self.specs("a"))
        self.assertEqual(self.names(), ["a"])

    def test_an_empty_source_deletes_nothing_unless_that_is_meant(self):
        self.sync(*OWNER, self.specs("a", "b"))
        empty = self.specs()
        report = self.sync(*PRUNE, empty, code=3)
        self.assertNoWrites(report)
        self.assertIn(("empty-source", "not empty", "0 declared"), self.guard(report))
        self.assertRegex(self.errors(report)[0], r"declares nothing, but 2 workflows are owned \(a, b\)")
        self.sync(*OWNER, empty, code=65)
        report = self.sync(*PRUNE, "--allow-empty", "--max-delete-percent", "100", empty)
        self.assertEqual((report["summary"]["delete"], self.names()), (2, []))

    def test_with_a_token_of_another_tenant_everything_seems_missing_and_nothing_is_made_twice(self):
        names = [f"w{i:02}" for i in range(12)]
        specs = self.specs(*names)
        self.sync(specs)
        fake = self.between(lambda request, _: (200, {"pageCount": 0, "pageNumber": 1, "pageSize": 100,
                                                      "workflowsCount": 0, "workflows": []})
                            if request.method == "GET" and "/workflows/?" in request.path else None)
        # The state is of an endpoint: the same one answers otherwise now.
        self.sync("--state-dir", self.tmp / "s", specs, endpoint=self.fake_of(fake, ours := {"empty": False}))
        ours["empty"] = True
        options = dict(endpoint=ours["endpoint"])
        report = self.sync("--state-dir", self.tmp / "s", specs, code=3, **options)
        self.assertNoWrites(report)
        self.assertEqual(self.guard(report), [("missing-share", "30 %", "12 of 12")])
        self.assertRegex(self.errors(report)[0], r"12 of 12 workflows that were applied are missing .*\(w00, w01, .*"
                         r" and 2 more\); is the token for another tenant\?.*--allow-recreate")
        ours["gone"] = True
        report = self.sync("--state-dir", self.tmp / "s", "--allow-recreate", specs, **options)
        self.assertEqual(report["summary"]["create"], 12)

    def fake_of(self, empty, ours):
        """An endpoint that passes on to the service, or says that there is nothing, as ours["empty"] tells."""
        listing = {"pageCount": 0, "pageNumber": 1, "pageSize": 100, "workflowsCount": 0, "workflows": []}

        def hook(request, pass_on):
            if ours.get("gone"):
                for w in self.service.workflows():
                    self.service.good("DELETE", f"/workflows/{w['id']}")
                ours.update(gone=False, empty=False)
            if ours["empty"] and request.method == "GET":
                return (200, listing) if "/workflows/?" in request.path else (404, {"detail": "no such workflow"})
        empty.close()
        ours["endpoint"] = self.between(hook).endpoint
        return ours["endpoint"]


class RecordTest(ScenarioCase):
    def repository(self):
        """(specs, git) in a work tree."""
        top = self.write({}, "repository")
        return top, Git(top)

    def commit(self, git, **texts):
        self.write({f"{n}.yaml": text for n, text in texts.items()}, git.folder.name)
        git.commit()

    def test_a_plan_for_a_pull_request_without_state_says_what_the_merge_does_with_state(self):
        top, git = self.repository()
        self.commit(git, a=spec("a", more="    stepTimeout: 60\n") + "tags: [{name: x}]\n", b=spec("b"))
        self.sync(*OWNER, top)
        shown = self.service.describe("b")
        shown["steps"]["only"]["command"] = "make drift"
        self.service.update("b", body("b", "make drift", tags=shown["tags"]))
        git.run("checkout", "-q", "-b", "feature")
        self.commit(git, a=spec("a", "make other"), c=spec("c"))
        plan = self.plan(*PRUNE, "--state-dir", self.tmp / "none", top, code=2)
        merged = self.sync(*PRUNE, top)
        self.assertEqual(self.reasons(plan, "a"), {"/steps/only/command": ("replace", "declared"),
                                                   "/steps/only/stepTimeout": ("remove", "undeclared"),
                                                   "/tags": ("remove", "undeclared")})
        self.assertEqual(self.reasons(plan, "b"), {"/steps/only/command": ("replace", "drift")})
        for name in ("a", "b", "c"):
            said, did = self.by_name(plan)[name], self.by_name(merged)[name]
            self.assertEqual([said[k] for k in ("action", "reason", "changes", "id")][:3],
                             [did[k] for k in ("action", "reason", "changes")], name)
        self.assertNoWrites(self.sync(*PRUNE, top))

    def test_triggers_empty_against_a_live_cron(self):
        self.service.create(body("a", triggers=[{"cron": "0 1 * * *"}]))
        self.service.create(body("b", triggers=[{"cron": "0 1 * * *"}]))
        specs = self.specs("b", a=spec("a") + "triggers: []\n")
        report = self.sync(specs)
        self.assertEqual(self.reasons(report, "a"), {"/triggers/0": ("remove", "adopted")})
        self.assertEqual(self.service.describe("a")["triggers"], [])
        self.assertEqual(len(self.service.describe("b")["triggers"]), 1)
        shown = self.service.describe("a")
        self.service.update("a", body("a", tags=shown["tags"], triggers=[{"cron": "0 2 * * *"}]))
        report = self.sync(specs)
        self.assertEqual(self.reasons(report, "a"), {"/triggers/0": ("remove", "drift")})
        self.assertConverged(specs)

    def test_a_workflow_with_cron_and_webhook_keeps_its_address_when_its_command_is_patched(self):
        triggers = "triggers: [{webhook: true}, {cron: 0 1 * * *}]\n"
        self.sync(self.specs(a=spec("a") + triggers, b=spec("b")))
        shown = self.service.describe("b")
        self.service.update("b", body("b", tags=shown["tags"], triggers=[{"cron": "0 2 * * *"}, {"webhook": True}]))
        before = {n: self.service.describe(n)["triggers"] for n in "ab"}
        specs = self.specs(a=spec("a", "make other") + triggers, b=spec("b", "make other"))
        self.assertEqual(set(self.results(self.sync(specs)).values()), {("patch", "applied")})
        for name in "ab":
            after = self.service.describe(name)["triggers"]
            self.assertEqual([t.get("webhook") for t in after], [t.get("webhook") for t in before[name]])
            self.assertEqual([t.get("cron") for t in after], [t.get("cron") for t in before[name]])
        self.assertConverged(specs)

    def test_a_key_taken_out_of_the_spec_is_removed_from_the_service_by_the_state(self):
        long = spec("a", more="    stepTimeout: 60\n")
        self.sync(self.specs(a=long))
        report = self.sync(self.specs("a"))
        self.assertEqual(self.reasons(report, "a"), {"/steps/only/stepTimeout": ("remove", "undeclared")})
        self.assertEqual(self.by_name(report)["a"]["action"], "replace")
        self.assertIn(self.service.describe("a")["steps"]["only"].get("stepTimeout"), (None, 0))
        self.assertConverged(self.tmp / "specs")

    def test_a_key_taken_out_of_the_spec_is_removed_from_the_service_by_the_history_of_git(self):
        top, git = self.repository()
        self.commit(git, a=spec("a", more="    stepTimeout: 60\n"))
        states = itertools.count()

        def fresh():
            return ("--state-dir", self.tmp / f"fresh-{next(states)}")
        self.sync(*fresh(), top)
        for text in ("make one", "make two"):
            self.commit(git, a=spec("a", text, more="    stepTimeout: 60\n"))
        self.commit(git, a=spec("a"))
        report = self.sync(*fresh(), top)
        self.assertEqual(self.reasons(report, "a"), {"/steps/only/stepTimeout": ("remove", "undeclared")})
        self.assertIn(self.service.describe("a")["steps"]["only"].get("stepTimeout"), (None, 0))
        self.assertNoWrites(self.sync(*fresh(), top))

    def test_a_key_taken_out_of_the_spec_is_warned_of_where_the_history_is_cut_off(self):
        top, git = self.repository()
        self.commit(git, a=spec("a", more="    stepTimeout: 60\n"))
        self.sync("--state-dir", self.tmp / "first", top)
        self.commit(git, a=spec("a"))
        git.run("clone", "-q", "--depth", "1", git.folder.resolve().as_uri(), self.tmp / "shallow")
        report = self.sync("--state-dir", self.tmp / "new", self.tmp / "shallow")
        self.assertEqual(report["outcome"], "converged")
        self.assertEqual(self.warnings(report), [
            'workflow "a" has no record of an earlier apply: keys removed from the spec cannot be detected; '
            'this clone is shallow: fetch the whole history (git fetch --unshallow, or fetch-depth: 0)'])

    def test_a_key_taken_out_of_the_spec_stays_where_nothing_tells_that_it_was_ours(self):
        self.sync(self.specs(a=spec("a", more="    stepTimeout: 60\n")))
        specs = self.specs(a=spec("a", "make other"))
        report = self.sync("--state-dir", self.tmp / "new", specs)
        self.assertEqual(self.reasons(report, "a"), {"/steps/only/command": ("replace", "adopted")})
        self.assertIn('workflow "a" has no record of an earlier apply: keys removed from the spec cannot be detected; '
                      f'a directory has no history, and the state in {self.tmp}/new has no record of it', self.warnings(report))
        self.assertEqual(self.service.describe("a")["steps"]["only"]["stepTimeout"], 60)

    def test_a_key_that_was_never_declared_is_left_alone_unless_the_spec_is_the_whole_truth(self):
        specs = self.specs("a")
        self.sync(specs)
        shown = self.service.describe("a")
        step = {"type": "standard", "imageId": 7, "command": "make all", "stepTimeout": 60}
        self.service.update("a", {"name": "a", "tags": shown["tags"], "steps": {"only": step}})
        self.assertConverged(specs)
        report = self.sync("--undeclared", "remove", specs)
        self.assertEqual(self.reasons(report, "a"), {"/steps/only/stepTimeout": ("remove", "drift")})
        self.assertEqual(self.by_name(report)["a"]["action"], "replace")
        self.assertNoWrites(self.sync("--undeclared", "remove", specs))

    def test_a_changed_token_name_is_written_once(self):
        def with_token(name):
            return spec("a", more=f"    repository: {{url: \"https://g/x\", branch: main, token: {name}}}\n")
        self.sync(self.specs(a=with_token(self.secret())))
        specs = self.specs(a=with_token(self.secret()))
        plan = self.plan(specs, code=2)
        self.assertEqual(self.changes(plan, "a"), {"/steps/only/repository/token": ("add", None, "(masked #1)")})
        self.assertEqual(self.reasons(plan, "a"), {"/steps/only/repository/token": ("add", "declared")})
        self.assertEqual(self.sync(specs)["requests"]["by_operation"]["update_workflow"], 1)
        self.assertConverged(specs)
        self.assertNoWrites(self.sync("--state-dir", self.tmp / "new", specs))
        self.assertNoSecretIn(self.state)

    def test_why_each_change_is_made_stands_in_the_json(self):
        before = spec("a", more="    stepTimeout: 60\n    clearImageCache: true\n")
        self.sync(self.specs(a=before))
        shown = self.service.describe("a")
        step = {**shown["steps"]["only"], "clearImageCache": False}
        for key in ("imageName", "imageVersion"):
            step.pop(key, None)
        self.service.update("a", {"name": "a", "tags": shown["tags"], "steps": {"only": step}})
        after = spec("a", "make other", more="    clearImageCache: true\n")
        specs = self.specs(a=after)
        plan = self.plan(specs, code=2)
        self.assertEqual(self.reasons(plan, "a"), {"/steps/only/command": ("replace", "declared"),
                                                   "/steps/only/stepTimeout": ("remove", "undeclared"),
                                                   "/steps/only/clearImageCache": ("replace", "drift")})
        self.assertEqual(self.by_name(plan)["a"]["reason"], "declared")
        human = self.expect(0, "plan", specs).out
        for words in ("line 5: the spec changed", "line 6: changed on the service", "taken out of the spec"):
            self.assertIn(words, human)


class StateTest(ScenarioCase):
    def test_a_state_of_a_newer_version_is_refused(self):
        specs = self.specs("a")
        self.sync(specs)
        file, = self.state.glob("state*.db")
        with sqlite3.connect(file) as db:
            db.execute(f"PRAGMA user_version = {db.execute('PRAGMA user_version').fetchone()[0] + 1}")
        db.close()
        for command in ("plan", "sync"):
            result = self.expect(1, command, "-o", "json", specs)
            self.assertRegex(self.errors(result.json())[0], "newer|version")
            self.assertNoWrites(result.json())

    def test_a_state_that_is_no_database_is_set_aside(self):
        specs = self.specs("a")
        self.sync(specs)
        file, = self.state.glob("state*.db")
        file.write_bytes(b"this is no database" * 100)
        report = self.sync(specs)
        aside, = self.state.glob("state.db.damaged-*")
        self.assertIn(aside.name, json.dumps(report["warnings"]))
        self.assertEqual(aside.read_bytes(), b"this is no database" * 100)
        self.assertNoWrites(report)
        self.assertNoWrites(self.sync(specs))

    def test_a_held_lock_is_a_conflict_and_a_plan_needs_none(self):
        specs = self.specs("a")
        self.sync(specs)
        lock, = [f for f in self.state.iterdir() if "lock" in f.name]
        with open(lock, "r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            report = self.sync(specs, code=5)
            self.assertEqual((report["outcome"], report["requests"]["total"]), ("conflict", 0))
            self.assertRegex(self.errors(report)[0], 'the state directory ".*" is in use by another flowsync')
            self.plan(specs)
        self.sync(specs)

    def test_the_state_keeps_no_secret(self):
        secret = self.secret()
        specs = self.specs(a=spec("a", more=f"    parameters: {{env: {{PASSWORD: {secret}}}}}\n"
                                            f"    repository: {{url: \"https://u:{secret}@g/x\", branch: b, "
                                            f"token: {secret}}}\n"))
        self.sync(specs)
        self.assertNoSecretIn(self.state)

    def test_owners_and_endpoints_are_kept_apart(self):
        self.sync("--owner", "one", self.specs("a"))
        self.sync("--owner", "two", self.specs("b", folder="two"))
        self.assertNoWrites(self.sync("--owner", "one", "--prune", self.tmp / "specs"))
        self.assertEqual(self.names(), ["a", "b"])


if __name__ == "__main__":
    unittest.main()
