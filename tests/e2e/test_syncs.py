"""plan and sync with a configuration of several syncs: which one is meant, and what is refused."""
import json
import unittest

from agent import AgentCase, spec


class ChosenSyncTest(AgentCase):
    def setUp(self):
        super().setUp()
        self.one = self.write({"a.yaml": spec("a")}, "one")
        self.two = self.write({"b.yaml": spec("b")}, "two")

    def given(self, *syncs):
        file = self.tmp / "flowsync.yaml"
        file.write_text(json.dumps({"syncs": syncs}))
        return "--config", file

    def entry(self, name, folder, **more):
        return {"name": name, "source": {"dir": str(folder)}, **more}

    def test_one_of_several_is_to_be_chosen(self):
        given = self.given(self.entry("one", self.one, owner="us"), self.entry("two", self.two, owner="them"))
        self.assertIn("has 2 syncs (one, two): choose one with --sync NAME", self.expect(64, "sync", *given).err)
        self.assertIn('no sync is named "three"', self.expect(64, "sync", *given, "--sync", "three").err)
        self.expect(0, "sync", *given, "--sync", "two")
        self.assertEqual(self.names(), ["b"])

    def test_two_of_one_service_and_owner_are_refused(self):
        for more in ({}, {"service": {"endpoint": "local"}}, {"owner": "us", "prune": True}):
            with self.subTest(more):
                given = self.given(self.entry("one", self.one, **more), self.entry("two", self.two, **more))
                self.assertIn("have the same service and the same owner", self.expect(64, "plan", *given, "--sync", "one").err)

    def test_what_is_wrong_in_a_file_is_said_with_its_keys(self):
        cases = (
            (self.entry("one", self.one, prune=True), "prune: true needs an owner, as only workflows of that owner are "
             "deleted: add owner: NAME to the sync"),
            ({"source": {"git": {"url": "r", "branch": "a", "tag": "b"}}},
             "syncs.source.git.branch and syncs.source.git.tag are given: choose one of them"),
        )
        for sync, text in cases:
            with self.subTest(text):
                self.assertIn(text, self.expect(64, "plan", *self.given(sync)).err)

    def test_an_agent_without_a_source_is_not_offered_an_argument(self):
        self.assertIn("no directory is given: --dir DIR, FLOWSYNC_DIR, or source: {dir: ...} of the sync",
                      self.expect(64, "agent", "--endpoint", self.service.endpoint).err)

    def test_valid_specs_are_applied_beside_an_invalid_one_and_nothing_is_deleted(self):
        folder = self.write({f"{n}.yaml": spec(n) for n in "abcde"}, "some")
        given = self.given(self.entry("some", folder, owner="us", prune=True, on_invalid="continue"))
        self.expect(0, "sync", *given)
        (folder / "a.yaml").write_text(spec("a", "date"))
        (folder / "b.yaml").write_text("name: b\n")
        (folder / "c.yaml").unlink()
        report = self.expect(65, "sync", *given, "-o", "json").json()
        self.assertEqual(self.names(), list("abcde"))
        self.assertEqual(self.command_of("a"), "date")
        self.assertEqual([(w["name"], w["action"], w["result"]) for w in report["workflows"]], [("a", "patch", "applied")])
        self.assertEqual((report["outcome"], report["exit_code"], report["summary"]["delete"]), ("invalid", 65, 0))
        self.assertIn("some specs are invalid: the valid ones are applied, and nothing is pruned",
                      [w["message"] for w in report["warnings"]])
        self.assertEqual([e["message"] for e in report["errors"]], ['workflow: "steps" is missing'])
        # Once all are valid, what is no longer declared is deleted.
        (folder / "b.yaml").write_text(spec("b"))
        self.expect(0, "sync", *given)
        self.assertEqual(self.names(), list("abde"))

    def test_the_tree_of_a_directory_is_of_its_names_and_of_their_bytes(self):
        """An approval holds for one tree."""
        given = self.given(self.entry("one", self.one))
        trees = []
        for change in (lambda: None, lambda: (self.one / "a.yaml").rename(self.one / "b.yaml"),
                       lambda: (self.one / "b.yaml").write_text(spec("a", "date"))):
            change()
            trees.append(self.expect(0, "plan", *given, "-o", "json").json()["source"]["tree"])
        self.assertEqual(len(set(trees)), 3, trees)

    def test_one_may_be_tried_elsewhere_and_under_another_name(self):
        given = self.given(self.entry("one", self.one, service={"endpoint": "http://127.0.0.1:1"}),
                           self.entry("two", self.two, service={"endpoint": "http://127.0.0.1:2"}))
        self.expect(0, "plan", *given, "--sync", "one", "--endpoint", self.service.endpoint)
        given = self.given(self.entry("one", self.one, owner="us"), self.entry("two", self.two, owner="them"))
        self.expect(0, "sync", *given, "--sync", "one", "--owner", "me")
        self.assertEqual(self.names(), ["a"])


if __name__ == "__main__":
    unittest.main()
