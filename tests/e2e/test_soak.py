"""The soak test, with few cycles; by hand and with many: make soak."""
import os
import sys
import unittest

import flowsync
from agent import AgentCase

sys.path.insert(0, str(flowsync.ROOT / "tests"))
from soak import Directory, Git, soak   # noqa: E402

# What sanitizers keep of freed memory is no leak.
CYCLES = 60 if "ASAN_OPTIONS" not in os.environ else 20


class SoakDirectoryTest(AgentCase):
    def test_nothing_grows_with_the_cycles_of_a_directory(self):
        soak(self, CYCLES, Directory)


class SoakGitTest(AgentCase):
    def test_nothing_grows_with_the_cycles_of_a_repository(self):
        soak(self, CYCLES, Git)


if __name__ == "__main__":
    unittest.main()
