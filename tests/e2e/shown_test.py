"""The check of a tag's history notices what it is there for."""
import unittest

from shown import Lost, ShownLog, older_after_newer

VERSIONS = [(1, "AA"), (2, "BB"), (3, "AA"), (4, "CC")]


def history(*images, fallen_off=0):
    return {"shown": [{"image": image, "at": 0, "simulated_ms": 0} for image in images], "fallen_off": fallen_off}


class OlderAfterNewer(unittest.TestCase):
    def test_versions_in_order_are_right_with_some_left_out_and_some_shown_twice(self):
        for images in (["AA", "BB", "AA", "CC"], ["BB", "CC"], ["AA", "AA", "BB", None, "BB"], []):
            self.assertIsNone(older_after_newer(images, VERSIONS), images)

    def test_a_superseded_image_after_a_newer_one_is_named(self):
        self.assertEqual(older_after_newer(["AA", "CC", "BB"], VERSIONS), "shown #3: BB of version 2 after version 4")
        self.assertEqual(older_after_newer(["AA", "BB", "AA", "BB"], VERSIONS), "shown #4: BB of version 2 after version 3")

    def test_it_is_noticed_also_when_the_right_one_comes_again(self):
        self.assertIsNotNone(older_after_newer(["AA", "CC", "BB", "CC"], VERSIONS))

    def test_an_image_that_no_job_had_is_named(self):
        self.assertEqual(older_after_newer(["AA", "DD"], VERSIONS), "shown #2: DD is of no version")


class Gathering(unittest.TestCase):
    def test_takes_in_each_entry_once_while_old_ones_fall_off(self):
        log = ShownLog()
        self.assertEqual(log.update(history("AA", "BB")), 2)
        self.assertEqual(log.update(history("AA", "BB")), 0)
        self.assertEqual(log.update(history("BB", "CC", fallen_off=1)), 1)
        self.assertEqual(log.images, ["AA", "BB", "CC"])

    def test_an_entry_that_fell_off_unseen_is_an_error(self):
        log = ShownLog()
        log.update(history("AA"))
        with self.assertRaises(Lost):
            log.update(history("CC", "DD", fallen_off=2))


if __name__ == "__main__":
    unittest.main()
