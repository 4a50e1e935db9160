"""The demo's own check, twice on the same state: the second run finds what the first one left."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from base import ROOT, wait_for

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "deploy")}


def free_ports():
    """Three, the last with a free one right after it, as --sim-port wants."""
    while True:
        with socket.socket() as a, socket.socket() as b, socket.socket() as c, socket.socket() as after:
            for holder in (a, b, c):
                holder.bind(("127.0.0.1", 0))
            ports = [holder.getsockname()[1] for holder in (a, b, c)]
            try:
                after.bind(("127.0.0.1", ports[2] + 1))
                return [*ports, ports[2] + 1]
            except (OSError, OverflowError):
                continue


def processes_about(state):
    """Command lines that name this folder, by process id."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if entry.name.isdigit() and str(state) in command:
            found[int(entry.name)] = command
    return found


def end(demo, state):
    """What a failed test left."""
    if demo.poll() is None:
        demo.send_signal(signal.SIGTERM)
        try:
            demo.wait(60)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()
    for pid in processes_about(state):
        os.kill(pid, signal.SIGKILL)


class DemoTest(unittest.TestCase):
    def check(self, state, *options):
        done = subprocess.run(["python3", "-B", "-u", "-m", "line.demo", "--check", "--state", state, *options],
                              cwd=ROOT, env=ENVIRONMENT,
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
        with socket.socket() as holder, tempfile.TemporaryDirectory(prefix="shelfwire-demo-") as folder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            done = subprocess.run(["python3", "-B", "-m", "line.demo", "--check", "--state", folder, "--service-port", str(port)],
                                  cwd=ROOT, env=ENVIRONMENT,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"port {port} for service is taken", done.stderr)

    def test_stops_from_another_terminal_and_leaves_nothing(self):
        with tempfile.TemporaryDirectory(prefix="shelfwire-demo-") as folder:
            state = pathlib.Path(folder) / "state"
            log = pathlib.Path(folder) / "demo.log"
            service, broker, sim, other_sim = free_ports()
            ports = ["--service-port", str(service), "--broker-port", str(broker), "--sim-port", str(sim)]
            with log.open("w") as out:
                demo = subprocess.Popen(
                    ["python3", "-B", "-u", "-m", "line.demo", "--state", str(state), "--ble-tags", "4", "--zigbee-tags", "4", *ports],
                    cwd=ROOT, env=ENVIRONMENT, stdout=out, stderr=subprocess.STDOUT)
            self.addCleanup(end, demo, state)

            def url():
                self.assertIsNone(demo.poll(), log.read_text())
                return re.search(rf"operators' page +(http://127\.0\.0\.1:{service}/)", log.read_text())
            address = wait_for("the demo's address", url, 300).group(1)
            with urllib.request.urlopen(address + "healthz", timeout=10) as answer:
                self.assertEqual(answer.status, 200)
            self.assertGreaterEqual(len(processes_about(state)), 8, "bus, broker, service, two APs, two simulators, the demo")

            stopped = subprocess.run(["python3", "-B", "-m", "line.demo", "--stop", "--state", str(state)], cwd=ROOT, env=ENVIRONMENT,
                                     capture_output=True, text=True, timeout=90)
            self.assertEqual((stopped.returncode, stopped.stdout.strip()), (0, "demo: stopped"), stopped.stderr)
            self.assertEqual(demo.wait(30), 0, log.read_text())
            self.assertEqual(processes_about(state), {})
            for port in (service, broker, sim, other_sim):
                with self.assertRaises(ConnectionRefusedError, msg=f"port {port}"):
                    socket.create_connection(("127.0.0.1", port), 5).close()
            self.assertFalse((state / "demo.pid").exists())
            again = subprocess.run(["python3", "-B", "-m", "line.demo", "--stop", "--state", str(state)], cwd=ROOT, env=ENVIRONMENT,
                                   capture_output=True, text=True, timeout=30)
            self.assertEqual((again.returncode, again.stdout.strip()), (0, f"demo: nothing is running on {state}"))


if __name__ == "__main__":
    unittest.main()
