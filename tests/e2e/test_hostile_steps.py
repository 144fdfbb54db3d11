"""Steps that do not mind their own business: what they put in the place of their attempt's files, which
belong to the same user, keeps nobody else from running and fills no disk."""
import unittest

from run_case import RunCase, step

ENDLESS = 'rm ../log && yes "all work and no play" | head -c 64000000 > ../log'


class OwnFilesTest(RunCase):
    def test_no_file_of_an_attempt_can_hold_up_the_engine(self):
        for i, made in enumerate(("mkfifo ../log", "mkdir ../log", "ln -s /dev/urandom ../log", "ln -s . ../log",
                                  "ln -s /dev/stdin ../log", "rm -r ../work", "mkfifo ../answer", "mkdir ../answer",
                                  "ln -s /dev/zero ../answer", "mkfifo ../result", "ln -s /dev/zero ../result.new")):
            with self.subTest(made):
                self.create(f"odd{i}", one=step(f"rm -f ../log; {made}"))
                self.wait_over(f"odd{i}", self.begin(f"odd{i}"))
        self.create("good", one=step("echo still here"))
        self.assertEqual(self.logs("good", self.run_to("Success", "good")), {"one": ["still here"]})

    def test_a_log_that_is_there_while_its_step_runs_is_no_pipe_either(self):
        self.create("odd", one=step("echo first; rm ../log; mkfifo ../log; while ! test -e end; do sleep 0.05; done"))
        self.create("good", one=step("true"))
        run = self.begin("odd")
        self.wait_step("odd", run, "one")
        self.run_to("Success", "good")
        self.service.good("POST", f"/workflows/{self.service.id_of('odd')}/executions/{run}/stop", {})
        self.wait_over("odd", run, "Stopped")

    def test_a_log_that_a_step_wrote_itself_is_kept_as_far_as_any(self):
        self.create("long", one=step(ENDLESS))
        run = self.run_to("Success", "long")["executionId"]
        self.assertLess(sum(len(line) for line in self.log("long", run, "one")), 8 << 20)


if __name__ == "__main__":
    unittest.main()
