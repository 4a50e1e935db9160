"""A shelf as bad as they come: 20 % lost notifies, 5 % wrong parts, 2 % dead tags."""
import json
import os
import random
import subprocess
import unittest

from base import LONG, ROOT, LineTest, check, wait_for


class FaultsTest(LineTest):
    def failed_on_the_page(self, line):
        done = subprocess.run(["node", str(ROOT / "tests" / "e2e" / "web" / "failed.mjs")], text=True, capture_output=True, timeout=120,
                              env={**os.environ, "SHELFWIRE_URL": f"http://127.0.0.1:{line.ports['service']}/",
                                   "SHELFWIRE_USER": "admin", "SHELFWIRE_PASSWORD": line.password})
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])

    def test_living_tags_converge_and_dead_ones_are_called_so_and_retried(self):
        each = 100 if LONG else 50
        line = self.line(ble_tags=each, zigbee_tags=each, speed=200)
        table = check.Table()
        check.fill(line, table)
        tags = {tag["id"] for tag in line.rest.all("/tags")}
        for sim in line.sims.values():
            sim.post("/faults", {"all": {"notify_lost": 20, "wrong_part": 5}})
            chosen = random.Random(1).sample([tag["id"] for tag in sim.tags()], each // 50)
            sim.post("/faults", {"tags": {tag: {"dead": 100} for tag in chosen}})
        dead = {tag["id"] for sim in line.sims.values() for tag in sim.tags() if tag["state"] == "dead"}
        self.assertEqual(len(dead), each // 25)
        change = check.change_prices(line, check.bound_products(line), "on a bad day")
        ended = line.settle(change, 600)
        self.assertEqual(ended["counts"], {"displayed": len(tags - dead), "failed": len(dead)})
        self.assertEqual(ended["state"], "partly_failed")
        self.assert_screens(line, sorted(tags - dead))

        failed = {job["tag"]: job for job in line.rest.all("/jobs", change=change, state="failed")}
        self.assertEqual(set(failed), dead)
        for job in failed.values():
            self.assertEqual(job["failure"]["class"], "unreachable", job)
            self.assertGreater(job["failure"]["attempts"], 1)
            self.assertGreater(job["failure"]["at"], 0)
        for tag in dead:
            self.assertEqual(line.rest.get(f"/tags/{tag}")["state"], "failed")
        self.assertEqual(line.rest.get("/stats")["failed"]["by_class"], {"unreachable": len(dead)})

        self.assertEqual(set(self.failed_on_the_page(line)), dead)

        for tag in dead:
            line.sim_of(tag).post("/faults", {"tags": {tag: None}})
        wait_for("the dead tags are shown after all", lambda: line.rest.get("/stats")["tags"]["failed"] == 0
                 and line.rest.get("/stats")["tags"]["pending"] == 0, 300, 0.2)
        self.assert_screens(line)
        self.assert_audit(line)


if __name__ == "__main__":
    unittest.main()
