"""The operators' page in a real browser against a real line; what it changed is then looked at on the simulated tag."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from base import ROOT, LineTest, check

WEB = ROOT / "mgmt-service" / "web"


class WebTest(LineTest):
    def operator(self, line, password, *options, script="operator.mjs"):
        done = subprocess.run(["node", str(ROOT / "tests" / "e2e" / "web" / script), *options], text=True, capture_output=True,
                              timeout=300, env={**os.environ, "SHELFWIRE_URL": f"http://127.0.0.1:{line.ports['service']}/",
                                                "SHELFWIRE_USER": "admin", "SHELFWIRE_PASSWORD": password})
        print(done.stdout)
        return done

    def test_an_operator_changes_a_price_and_proves_that_it_was_shown(self):
        self.assertTrue((WEB / "dist" / "index.html").exists(), "the page is not built: deploy/build")
        line = self.line(ble_tags=12, zigbee_tags=12)
        tags = check.fill(line, check.Table())
        with tempfile.TemporaryDirectory(prefix="shelfwire-web-") as folder:
            shots = os.environ.get("SHELFWIRE_SCREENSHOTS", folder)
            done = self.operator(line, line.password, "--screenshots", shots)
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            told = json.loads(done.stdout.splitlines()[-1])
            self.assertGreater(len(list(pathlib.Path(shots).glob("*.png"))), 15)
        product = line.rest.get(f"/stores/{line.store}/products/{told['product']}")
        self.assertEqual(product["price"]["minor"], told["cents"])
        self.assert_screens(line, tags)
        self.assert_audit(line)

    def test_a_price_beyond_the_rule_waits_for_another_person(self):
        line = self.line(ble_tags=6, zigbee_tags=0)
        tags = check.fill(line, check.Table())
        with tempfile.TemporaryDirectory(prefix="shelfwire-web-") as folder:
            done = self.operator(line, line.password, "--screenshots", os.environ.get("SHELFWIRE_SCREENSHOTS", folder), script="approval.mjs")
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        told = json.loads(done.stdout.splitlines()[-1])
        product = line.rest.get(f"/stores/{line.store}/products/{told['product']}")
        self.assertEqual(product["price"]["minor"], told["cents"])
        self.assert_screens(line, tags)
        self.assert_audit(line)

    def test_the_page_goes_on_by_itself_after_the_service_was_killed(self):
        line = self.line(ble_tags=6, zigbee_tags=0)
        check.fill(line, check.Table())
        with subprocess.Popen(["node", str(ROOT / "tests" / "e2e" / "web" / "restart.mjs")], text=True, stdout=subprocess.PIPE,
                              env={**os.environ, "SHELFWIRE_URL": f"http://127.0.0.1:{line.ports['service']}/",
                                   "SHELFWIRE_USER": "admin", "SHELFWIRE_PASSWORD": line.password}) as page:
            watching, tag = page.stdout.readline().split()
            self.assertEqual(watching, "watching")
            line.kill("mgmt-service")
            self.assertEqual(page.stdout.readline(), "lost\n")
            line.restart("mgmt-service")
            self.assertEqual(page.stdout.readline(), "live\n")
            product = line.rest.get(f"/tags/{tag}")["products"][0]["id"]
            check.change_prices(line, [product], "after the restart")
            self.assertEqual(page.stdout.readline(), "turned\n")
            self.assertEqual(page.wait(timeout=60), 0)

    def test_a_wrong_password_is_refused(self):
        line = self.line(ble_tags=0, zigbee_tags=0)
        done = self.operator(line, "not-" + line.password)
        self.assertEqual(done.returncode, 1)
        self.assertIn("log-in refused: User name or password is wrong.", done.stderr)


if __name__ == "__main__":
    unittest.main()
