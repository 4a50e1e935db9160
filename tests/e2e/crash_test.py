"""kill -9 of each part at five moments of a change of every price: all converges, nothing is lost, nothing is claimed."""
import random
import unittest

from base import LineTest, check, wait_for


class CrashTest(LineTest):
    PARTS = ["broker", "mgmt-service", "ap-ble", "ap-zigbee"]
    MOMENTS = [0.0, 0.1, 0.3, 0.6, 0.9]

    def displayed(self, change):
        return self.line_.rest.get(f"/changes/{change}")["counts"].get("displayed", 0)

    def assert_no_false_claim(self, change):
        """A tag whose job is called displayed shows that image (or a later one, which there is none of here)."""
        for job in self.line_.rest.all("/jobs", change=change, state="displayed"):
            shown = self.line_.sim_of(job["tag"]).tag(job["tag"])["shown_image"]
            self.assertEqual(shown, job["image"], f"job {job['id']} of tag {job['tag']} is called displayed")

    def crash(self, part, moment):
        line = self.line_
        tags = line.expected_tags()
        change = check.change_prices(line, self.products, f"{part} at {moment:.0%}")
        wait_for(f"{moment:.0%} displayed", lambda: self.displayed(change) >= moment * tags, 120)
        line.kill(part)
        line.restart(part)
        self.assert_no_false_claim(change)
        ended = line.settle(change)
        self.assertEqual(ended["state"], "done", ended["counts"])
        self.assertEqual(ended["jobs_total"], tags)
        self.assertEqual(ended["counts"], {"displayed": tags})
        self.assert_no_false_claim(change)
        self.assert_screens(line)
        print(f"  {part} killed at {moment:.0%}: {tags} displayed, p99 {ended['timings']['p99_ms']} ms", flush=True)

    def test_every_part_at_five_moments(self):
        random.seed(3)
        tags = 200
        self.line_ = self.line(ble_tags=tags // 2, zigbee_tags=tags // 2, speed=100)
        check.fill(self.line_, check.Table())
        self.products = check.bound_products(self.line_)
        for part in self.PARTS:
            for moment in self.MOMENTS:
                with self.subTest(part=part, moment=moment):
                    self.crash(part, moment)
        self.assert_audit(self.line_)


if __name__ == "__main__":
    unittest.main()
