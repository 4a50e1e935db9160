"""A whole store flips at a given moment while the broker is away; a cancelled change that was sent ahead never shows."""
import time
import unittest

from base import LineTest, check, wait_for


def now_ms():
    return int(time.time() * 1000)


class ScheduleTest(LineTest):
    AHEAD = 12_000   # from the order to the moment: drawing, sending, stopping the broker
    APART = 4_000
    WITHIN = 15_000  # from the moment to the last tag: the radio's time

    def schedule(self, cents, at):
        """Every bound product gets another price then."""
        line = self.line_
        items = [{"product": p, "price": {"minor": cents + i, "currency": "EUR"}} for i, p in enumerate(self.products)]
        return line.rest.post(f"/stores/{line.store}/changes", {"title": f"at {at}", "at": at, "items": items})["id"]

    def tags(self):
        return list(self.line_.rest.all("/tags"))

    def shelf(self):
        """{tag: (image, when)}, as the simulators show it."""
        return {tag["id"]: (tag["shown_image"], tag["shown_at"]) for sim in self.line_.sims.values() for tag in sim.tags()}

    def refreshes(self):
        return {tag["id"]: tag["counters"]["refreshes"] for sim in self.line_.sims.values() for tag in sim.tags()}

    def wait_until_ahead(self, at):
        def accepted():
            tags = self.tags()
            return tags if all(t["next"] and t["next"]["at"] == at and t["next"]["accepted_at"] for t in tags) else None
        tags = wait_for("every AP has the images of later", accepted, (at - now_ms()) / 1000 - 1, 0.1)
        return {tag["id"]: tag["next"]["image"] for tag in tags}

    def test_a_store_flips_at_its_moment_while_the_broker_is_away(self):
        self.line_ = line = self.line(ble_tags=20, zigbee_tags=20, speed=100)
        check.fill(line, check.Table())
        self.products = check.bound_products(line)
        before, drawn_before = self.shelf(), self.refreshes()

        cancelled_at = now_ms() + self.AHEAD
        cancelled = self.schedule(70_000, cancelled_at)
        self.wait_until_ahead(cancelled_at)
        line.rest.post(f"/changes/{cancelled}/cancel")
        wait_for("all taken back", lambda: all(t["next"] is None and t["state"] == "shown" for t in self.tags()), 10, 0.1)

        at = now_ms() + self.AHEAD
        change = self.schedule(50_000, at)
        wanted = self.wait_until_ahead(at)
        line.processes["broker"].stop()
        self.assertLess(now_ms(), at, "the broker was stopped too late for this test to say anything")
        self.assertEqual(self.shelf(), before, "nothing changes before its moment, a cancelled price never shows")
        self.assertEqual(line.rest.get(f"/changes/{change}")["state"], "scheduled")

        wait_for("every tag shows its new price", lambda: {t: s[0] for t, s in self.shelf().items()} == wanted,
                 (at - now_ms() + self.WITHIN) / 1000, 0.1)
        shelf = self.shelf()
        self.assertEqual(self.refreshes(), {tag: n + 1 for tag, n in drawn_before.items()}, "the cancelled price was shown")
        for tag, (_, shown_at) in shelf.items():
            self.assertGreaterEqual(shown_at, at, f"tag {tag} was early")
        self.assertEqual({t["state"] for t in self.tags()}, {"pending"}, "nothing is called displayed before it was reported")
        self.assertEqual(line.rest.get(f"/changes/{change}")["counts"].get("displayed", 0), 0)

        # Until the times of display and of report can be told apart.
        last = max(shown_at for _, shown_at in shelf.values())
        wait_for("some time after the last display", lambda: now_ms() > last + self.APART, 10, 0.1)
        back = now_ms()
        line.restart("broker")
        ended = line.settle(change, 60)
        self.assertEqual(ended["state"], "done", ended["counts"])
        self.assertEqual(ended["counts"], {"displayed": len(shelf)})
        for tag in self.tags():
            reported = tag["reported"]["at"]
            self.assertGreaterEqual(reported, at)
            self.assertLess(reported, back, f"tag {tag['id']}: the time of the report instead of the display")
            self.assertLess(abs(reported - shelf[tag["id"]][1]), self.APART, f"tag {tag['id']}: not the time at which it was shown")
        self.assert_screens(line)
        print(f"  {len(shelf)} tags flipped, last {max(s[1] for s in shelf.values()) - at} ms after the moment, "
              f"p99 as reported {ended['timings']['p99_ms']} ms")
        self.assert_audit(line)


if __name__ == "__main__":
    unittest.main()
