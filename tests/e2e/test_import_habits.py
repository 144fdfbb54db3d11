"""import, and a plan over what it wrote, from a service with each habit that one may have."""
import unittest

import test_import
from test_sync import EXAMPLES

# Those of test_import.HABITS that bear on what a record says.
SYNCED = ("", "defaults", "env-map", "reorder", "hide-tokens", "hide-retry", "hide-metadata", "null-keys", "https-urls")


class HabitsTest(test_import.PeerImportCase):
    def test_with_each_habit_a_plan_over_what_nobody_owns_is_empty(self):
        for name in test_import.HABITS:
            self.check(self.full(*filter(None, [name])), name)

    def test_with_each_habit_a_plan_over_what_was_synced_is_empty(self):
        for name in SYNCED:
            peer = self.peer(*filter(None, [name]))
            self.flowsync("sync", "-q", EXAMPLES, endpoint=peer.url)
            self.check(peer, name)


if __name__ == "__main__":
    unittest.main()
