"""The whole line on one machine: D-Bus, broker, service, two APs and their simulated tags."""
import json
import os
import pathlib
import secrets
import time
import urllib.error
import urllib.request

from .process import Failed, Process, check_port_free, free_port, wait_for
from .rest import Rest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BLE_AP = "GID_esl_ap@@@DEMO-BLE"
ZIGBEE_AP = "GID_esl_ap@@@DEMO-ZIGBEE"

# Private and open: only the agent and the simulated org.bluez are on it.
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/> <allow eavesdrop="true"/> <allow own="*"/> <allow user="*"/>
  </policy>
  <limit name="max_match_rules_per_connection">100000</limit>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
</busconfig>
"""


class Sim:
    """What a simulator tells over HTTP."""

    def __init__(self, port):
        self.port = port

    def _open(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"} if body is not None else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def tags(self):
        answer = json.loads(self._open("GET", "/tags"))
        return answer["tags"] if isinstance(answer, dict) else answer

    def tag(self, tag):
        return json.loads(self._open("GET", f"/tags/{tag}"))

    def screen(self, tag):
        return self._open("GET", f"/tags/{tag}.png")

    def put(self, path, body):
        return self._open("PUT", path, body)

    def post(self, path, body):
        return self._open("POST", path, body)


class Line:
    """Everything under `state`; what was there from an earlier run is used again."""

    def __init__(self, state, ble_tags=100, zigbee_tags=100, speed=50, seed=1, faults=None, foreign_broker=False,
                 service_port=0, broker_port=0, sim_port=0, test_clock=False, store="demo", build=None, retry=None):
        self.state = pathlib.Path(state).resolve()
        self.bin = pathlib.Path(build or os.environ.get("SHELFWIRE_BUILD", ROOT / "build")) / "bin"
        self.ble_tags, self.zigbee_tags, self.speed, self.seed = ble_tags, zigbee_tags, speed, seed
        self.faults, self.foreign_broker, self.test_clock, self.store = faults, foreign_broker, test_clock, store
        self.retry = retry
        self.ports = {"service": service_port, "broker": broker_port, "sim": sim_port}
        self.processes = {}
        self.sims = {}
        self.rest = None
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "log").mkdir(exist_ok=True)

    # ---- starting -------------------------------------------------------------------------------------------------

    def start(self):
        for name, port in self.ports.items():
            check_port_free("127.0.0.1", port, name)
        self.start_bus()
        self.start_broker()
        self.start_sims()
        self.start_service()
        self.start_agents()
        return self

    def _run(self, name, command, env=None):
        self.processes[name] = Process(name, command, self.state / "log" / f"{name}.log", env)
        return self.processes[name]

    def start_bus(self):
        if not self.ble_tags:
            return
        socket = self.state / "bus"
        socket.unlink(missing_ok=True)
        config = self.state / "bus.conf"
        config.write_text(BUS_CONFIG.format(socket=socket))
        self._run("dbus", ["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={config}"])
        wait_for("the private D-Bus", socket.exists)
        self.bus = f"unix:path={socket}"

    def start_broker(self):
        if self.foreign_broker:
            port = self.ports["broker"] or free_port()
            config = self.state / "mosquitto.conf"
            data = self.state / "mosquitto"
            data.mkdir(exist_ok=True)
            config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
                              f"persistence_location {data}/\nautosave_interval 1\nautosave_on_changes true\nuser root\n"
                              "max_queued_messages 0\n")
            self._run("broker", ["mosquitto", "-c", config, "-v"])
            wait_for("mosquitto listens", lambda: "running" in self.processes["broker"].said())
        else:
            process = self._run("broker", [
                self.bin / "broker", "--listen", f"127.0.0.1:{self.ports['broker']}", "--data", self.state / "broker",
                # the service wants all its reports when it is back, not thirty every five seconds
                "--offline-batch", "0",
                "--group", "GID_esl_ap", "--group", "GID_esl_mgmt", "--topic", "esl_task", "--topic", "esl_report",
                "--allow-anonymous"])
            port = process.listening()
        self.ports["broker"] = port  # a restart comes back on the same port

    def broker_url(self):
        return f"tcp://127.0.0.1:{self.ports['broker']}"

    def start_sims(self):
        port = self.ports["sim"]
        common = ["--seed", self.seed, "--speed", self.speed]
        if self.faults:
            common += ["--faults", self.faults]
        if self.ble_tags:
            process = self._run("sim-bluez", [
                self.bin / "tag-sim", "bluez", "--bus", self.bus, "--adapter", "hci0", "--tags", self.ble_tags,
                "--http", f"127.0.0.1:{port}", "--state", self.state / "sim-bluez.state", *common])
            self.sims["bluez"] = Sim(process.listening("HTTP on"))
        if self.zigbee_tags:
            process = self._run("sim-znp", [
                self.bin / "tag-sim", "znp", "--listen", f"127.0.0.1:{self.ports.get('znp', 0)}", "--tags", self.zigbee_tags,
                "--http", f"127.0.0.1:{port + 1 if port else 0}", "--state", self.state / "sim-znp.state", *common])
            self.ports["znp"] = process.listening("ZNP on")
            self.sims["znp"] = Sim(process.listening("HTTP on"))

    def start_service(self):
        password_file = self.state / "admin-password"
        if not password_file.exists():
            password_file.touch(mode=0o600)
            password_file.write_text(secrets.token_urlsafe(12) + "\n")
        self.password = password_file.read_text().strip()
        command = [self.bin / "mgmt-service", "--listen", f"127.0.0.1:{self.ports['service']}",
                   "--data", self.state / "mgmt", "--broker", self.broker_url(), "--store", self.store,
                   "--web", ROOT / "mgmt-service" / "web" / "dist", "--admin-password-file", password_file]
        if self.foreign_broker:
            command += ["--profile", "plain"]
        if self.test_clock:
            command += ["--test-clock"]
        self.ports["service"] = self._run("mgmt-service", command).listening()
        self.rest = Rest(self.ports["service"])
        self.rest.login("admin", self.password)

    def start_agents(self):
        if self.ble_tags:
            self.start_agent("ap-ble", BLE_AP, "bluez:hci0", {"DBUS_SYSTEM_BUS_ADDRESS": self.bus})
        if self.zigbee_tags:
            self.start_agent("ap-zigbee", ZIGBEE_AP, f"znp:tcp://127.0.0.1:{self.ports['znp']}")

    def start_agent(self, name, client, radio, env=None):
        command = [self.bin / "ap-agent", "--broker", self.broker_url(), "--client-id", client, "--radio", radio,
                   "--data", self.state / name, "--store", self.store]
        if self.foreign_broker:
            command += ["--profile", "plain"]
        self._run(name, command, env)

    def restart(self, name):
        """Starts one part again after kill(); the same place, the same ports."""
        if name == "broker":
            self.start_broker()
        elif name == "mgmt-service":
            self.start_service()
        elif name == "ap-ble":
            self.start_agent("ap-ble", BLE_AP, "bluez:hci0", {"DBUS_SYSTEM_BUS_ADDRESS": self.bus})
        elif name == "ap-zigbee":
            self.start_agent("ap-zigbee", ZIGBEE_AP, f"znp:tcp://127.0.0.1:{self.ports['znp']}")
        else:
            raise Failed(f"no way to restart {name}")

    # ---- ending ---------------------------------------------------------------------------------------------------

    def kill(self, name):
        self.processes[name].kill()

    def stop(self):
        """Ends all it started, last first; says which did not end by itself."""
        problems = []
        for process in reversed(list(self.processes.values())):
            try:
                process.stop()
            except Failed as error:
                problems.append(str(error))
        self.processes.clear()
        if problems:
            raise Failed("; ".join(problems))

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop_quietly()
            raise

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.stop()
        else:
            self.stop_quietly()

    def stop_quietly(self):
        try:
            self.stop()
        except Failed as error:
            print(f"  ({error})")

    # ---- what the tests and the demo do with it ---------------------------------------------------------------------

    def expected_tags(self):
        return self.ble_tags + self.zigbee_tags

    def join_tags(self, deadline=120):
        """Opens the network for joining and waits until the service knows every simulated tag."""
        wait_for("both APs online", lambda: sum(ap["online"] for ap in self.rest.get("/aps")["items"])
                 >= bool(self.ble_tags) + bool(self.zigbee_tags), 60)
        permitted = 0.0

        def known():
            nonlocal permitted
            if self.rest.get("/tags", limit=1)["total"] >= self.expected_tags():
                return True
            # Again and again: an AP that is online may still be waiting for its coordinator, and refuses the command.
            if self.zigbee_tags and time.monotonic() > permitted + 5:
                permitted = time.monotonic()
                self.rest.post(f"/aps/{ZIGBEE_AP}/permit-join", {"seconds": 254})
            return False
        try:
            wait_for(f"{self.expected_tags()} tags known", known, deadline, 0.2)
        except Failed as error:
            raise Failed(f"{error}; {self.rest.get('/tags', limit=1)['total']} there")
        return list(self.rest.all("/tags"))

    def sim_of(self, tag):
        return self.sims["bluez" if len(tag) == 12 else "znp"]

    def settle(self, change, deadline=300):
        """Waits until a change has ended; the change."""
        def ended():
            now = self.rest.get(f"/changes/{change}")
            return now if now["state"] in ("done", "partly_failed", "cancelled") else None
        try:
            return wait_for(f"change {change} ends", ended, deadline, 0.1)
        except Failed as error:
            raise Failed(f"{error}; counts: {self.rest.get(f'/changes/{change}')['counts']}")

    def logs(self):
        return self.state / "log"
