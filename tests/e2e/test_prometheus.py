"""The reader of metrics that other tests lean on refuses what is wrong."""
import unittest

import prometheus

HEAD = "# HELP a_x x\n# TYPE a_x gauge\n"
HISTOGRAM = "# HELP h_s x\n# TYPE h_s histogram\n"
BUCKETS = 'h_s_bucket{le="1"} 1\nh_s_bucket{le="+Inf"} 2\nh_s_sum 3\nh_s_count 2\n'


class PrometheusTest(unittest.TestCase):
    def test_what_is_right_is_read(self):
        metrics = prometheus.parse(HEAD + 'a_x{p="1",q="a\\"\\\\\\n,}"} 1.5e+3\na_x -2\n' + HISTOGRAM + BUCKETS)
        self.assertEqual(metrics["a_x", {"p": "1", "q": 'a"\\\n,}'}], 1500)
        self.assertEqual(metrics["a_x"], -2)
        self.assertEqual(metrics["h_s_bucket", {"le": "+Inf"}], 2)
        self.assertEqual(metrics.types, {"a_x": "gauge", "h_s": "histogram"})
        self.assertNotIn(("a_x", {"p": "2"}), metrics)

    def test_what_is_wrong_is_said_with_its_line(self):
        for text, words in {
            "a_x 1\n": "line 1: not of the family",
            HEAD + "a_x 1": "the last line does not end",
            HEAD + "a_x 1\na_x 2\n": "line 4: a second such series",
            HEAD + "a_x\n": "this is no sample",
            HEAD + "a_x one\n": "this is no number",
            HEAD + "a_x 0x10\n": "this is no number",
            HEAD + "b_x 1\n": "not of the family",
            HEAD + "\n": "line 3: this is no sample",
            HEAD + 'a_x{p="1"p="2"} 1\n': "these are no labels",
            HEAD + 'a_x{p="1",} 1\n': "these are no labels",
            HEAD + 'a_x{p="1",p="1"} 1\n': "label p is there twice",
            HEAD + 'a_x{p="\\t"} 1\n': "these are no labels",
            HEAD + 'a_x{le="1"} 1\n': "le is a label of buckets",
            HEAD + HEAD: "a second HELP",
            "# TYPE a_x gauge\n": "TYPE does not follow its HELP",
            "# HELP a_x x\n": "a_x has no TYPE",
            "# HELP a_x\n": "neither HELP nor TYPE",
            "# HELP a_x x\n# TYPE a_x counter\n": "a counter's name ends in _total",
            "# HELP a_total x\n# TYPE a_total gauge\n": "a counter's name ends in _total",
            "# HELP a_total x\n# TYPE a_total counter\na_total -1\n": "a counter below 0",
            "# HELP a_x x\n# TYPE a_x summary\n": "an unknown type",
            HISTOGRAM + BUCKETS.replace("} 1", "} 3"): "buckets are not cumulative",
            HISTOGRAM + BUCKETS.replace("count 2", "count 3"): "the count is not that of the last bucket",
            HISTOGRAM + BUCKETS.replace("h_s_sum 3\n", ""): "the count is not that of the last bucket",
            HISTOGRAM + BUCKETS.replace('h_s_bucket{le="+Inf"} 2\n', ""): "do not end with +Inf",
        }.items():
            with self.subTest(text), self.assertRaisesRegex(ValueError, words.replace("+", r"\+")):
                prometheus.parse(text)

    @unittest.skipUnless(prometheus.shutil.which("promtool"), "promtool is not installed")
    def test_promtool_is_asked(self):
        text = HISTOGRAM.replace("h_s", "h_seconds") + BUCKETS.replace("h_s", "h_seconds")
        self.assertIn("h_seconds", prometheus.check(text).types)
        self.assertNotEqual(prometheus.promtool("a_x one\n"), "")


if __name__ == "__main__":
    unittest.main()
