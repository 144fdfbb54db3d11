"""The soak test, with few cycles; by hand and with many: make soak."""
import os
import sys
import unittest

import flowsync
from agent import AgentCase

sys.path.insert(0, str(flowsync.ROOT / "tests"))
from soak import Directory, Git, soak   # noqa: E402

# With sanitizers all takes longer.
SHARE = 1 if "ASAN_OPTIONS" not in os.environ else 3


class SoakDirectoryTest(AgentCase):
    def test_nothing_grows_with_the_cycles_of_a_directory(self):
        soak(self, 60 // SHARE, Directory)


class SoakGitTest(AgentCase):
    def test_nothing_grows_with_the_cycles_of_a_repository(self):
        soak(self, 30 // SHARE, Git)


if __name__ == "__main__":
    unittest.main()
