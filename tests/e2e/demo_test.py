"""The demo's own check, twice on the same state: the second run finds what the first one left."""
import pathlib
import subprocess
import tempfile
import unittest

from base import ROOT


class DemoTest(unittest.TestCase):
    def check(self, state, *options):
        done = subprocess.run(["python3", "-B", "-u", "-m", "line.demo", "--check", "--state", state, *options],
                              cwd=ROOT, env={**__import__("os").environ, "PYTHONPATH": str(ROOT / "deploy")},
                              capture_output=True, text=True, timeout=600)
        print(done.stdout[-3500:])
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-4000:])
        self.assertIn("screens compared pixel by pixel", done.stdout)
        return done.stdout

    def test_checks_itself_twice_on_the_same_state(self):
        with tempfile.TemporaryDirectory(prefix="shelfwire-demo-") as folder:
            state = str(pathlib.Path(folder) / "state")
            self.check(state)
            again = self.check(state)
            self.assertRegex(again, r"catalogue, import: .*unchanged")

    def test_runs_over_debians_mosquitto_too(self):
        with tempfile.TemporaryDirectory(prefix="shelfwire-demo-") as folder:
            self.check(str(pathlib.Path(folder) / "state"), "--foreign-broker", "--ble-tags", "20", "--zigbee-tags", "20")

    def test_names_a_taken_port(self):
        import socket
        with socket.socket() as holder, tempfile.TemporaryDirectory(prefix="shelfwire-demo-") as folder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            done = subprocess.run(["python3", "-B", "-m", "line.demo", "--check", "--state", folder, "--service-port", str(port)],
                                  cwd=ROOT, env={**__import__("os").environ, "PYTHONPATH": str(ROOT / "deploy")},
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"port {port} for service is taken", done.stderr)


if __name__ == "__main__":
    unittest.main()
