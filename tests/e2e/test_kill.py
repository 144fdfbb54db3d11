"""The kill test, with few runs; by hand and with many: make kill.  What of it needs no chance is test_recovery.py."""
import os
import sys
import unittest

import flowsync
from flowsync import ServiceCase

sys.path.insert(0, str(flowsync.ROOT / "tests"))
from kill import kill   # noqa: E402

# With sanitizers all takes longer.
SHARE = 1 if "ASAN_OPTIONS" not in os.environ else 3


class KillTest(ServiceCase):
    def test_whatever_is_killed_every_run_ends_as_the_rules_say(self):
        kill(self, 60 // SHARE, seconds=90)


if __name__ == "__main__":
    unittest.main()
