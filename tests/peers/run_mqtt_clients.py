"""MQTT clients that nobody here wrote, over every transport, in 3.1.1 and 5.0, with every way to log in."""
import base64
import collections
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "deploy"))
sys.dont_write_bytecode = True

from line.process import Process  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("SHELFWIRE_BUILD", ROOT / "build")) / "bin"
PATIENCE = 30

TRANSPORTS = ("tcp", "tls", "ws", "wss")
VERSIONS = ("3.1.1", "5.0")
SECRET = "an access key's secret"
PASSWORD = "a user's password"

CONFIG = """
data = "FOLDER/data"
admin = "127.0.0.1:0"
groups = ["GID_test"]
topics = ["esl_task", "esl_report"]
[tls]
certificate = "FOLDER/server.pem"
key = "FOLDER/server.key"
[[listener]]
address = "127.0.0.1:0"
[[listener]]
address = "mqtts://127.0.0.1:0"
client_certificates = "optional"
[[listener]]
address = "ws://127.0.0.1:0"
[[listener]]
address = "wss://127.0.0.1:0"
client_certificates = "optional"
[[user]]
name = "user"
password = "%s"
[[access_key]]
id = "KEY"
secret = "%s"
instance = "instance"
""" % (PASSWORD, SECRET)


class Admin:
    """The broker's administration, for what clients log in with."""

    def __init__(self, port, folder):
        self.base, self.folder = f"http://127.0.0.1:{port}/api/v1/", folder
        self.key = (folder / "data" / "admin.key").read_text().strip()

    def ask(self, path, body=None):
        request = urllib.request.Request(self.base + path, None if body is None else json.dumps(body).encode(), {
            "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or "null")

    def post(self, path, body):
        return self.ask(path, body)


def signed(secret, client_id):
    return base64.b64encode(hmac.new(secret.encode(), client_id.encode(), hashlib.sha1).digest()).decode()


# What a client shows to log in; certificate and key are files.
Login = collections.namedtuple("Login", "user password certificate key", defaults=(None, None, None, None))


def token(admin, client_id):
    applied = admin.post("tokens", {"actions": "R,W", "resources": ["esl_report/#", "esl_task/#"],
                                    "expires": int(time.time() * 1000) + 3_600_000})
    return Login("Token|KEY|instance", f"RW|{applied['token']}")


def device(admin, client_id):
    made = admin.post("device-credentials", {"client_id": client_id})
    return Login(f"DeviceCredential|{made['id']}|instance", signed(made["secret"], client_id))


def identity(admin, client_id, kind, mode):
    """A custom identity that may do what these tests do, and nothing else."""
    user, secret = f"of {client_id}", "an identity's secret"
    admin.post("identities", {"type": kind, "username": user, "sign_mode": mode, "secret": secret,
                              **({"client_id": client_id} if kind == "CLIENT" else {})})
    for topic, action in (("esl_report/#", "PUB_SUB"), ("esl_task", "PUB")):
        admin.post("permissions", {"type": kind, "identity": client_id if kind == "CLIENT" else user, "topic": topic,
                                   "permit_action": action, "effect": "ALLOW"})
    return Login(user, signed(secret, client_id) if mode == "SIGNED" else secret)


def certificate(admin, client_id):
    return Login(certificate=admin.folder / "device.pem", key=admin.folder / "device.key")


# Ways to log in: what gives what a client id logs in with.
LOGINS = {
    "signature": lambda admin, client_id: Login("Signature|KEY|instance", signed(SECRET, client_id)),
    "token": token,
    "device": device,
    "user": lambda admin, client_id: Login("user", PASSWORD),
    "identity by user": lambda admin, client_id: identity(admin, client_id, "USER", "ORIGIN"),
    "identity by client": lambda admin, client_id: identity(admin, client_id, "CLIENT", "SIGNED"),
    "certificate": certificate,
}


def possible(transport, login):
    return login != "certificate" or transport in ("tls", "wss")


Row = collections.namedtuple("Row", "transport version login client_id")


class Authority:
    """A CA in `folder`: <name>.pem and <name>.key."""
    NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.openssl("req", "-x509", *self.NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
                     "-subj", f"/CN={name} of the clients' test")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, file, common_name, *words):
        """`file`.pem and `file`.key."""
        self.openssl("req", *self.NEW_KEY, "-keyout", f"{file}.key", "-out", f"{file}.csr", "-subj", f"/CN={common_name}")
        self.openssl("x509", "-req", "-in", f"{file}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                     "-CAcreateserial", "-days", "2", "-out", f"{file}.pem", *words)


def make_certificates(folder):
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    Authority(folder, "ca").issue("server", "localhost", "-extfile", "names")


def register_devices(admin):
    """A CA of devices, registered by whoever has its key, and a device's certificate."""
    ca = Authority(admin.folder, "devices")
    ca.issue("verification", admin.ask("ca-registration-code")["registration_code"])
    admin.post("cas", {"name": "devices", "certificate": (admin.folder / "devices.pem").read_text(),
                       "verification": (admin.folder / "verification.pem").read_text()})
    ca.issue("device", "ap-1")


class Said:
    """A command's lines as they come."""

    def __init__(self, words):
        self.child = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.timer = threading.Timer(PATIENCE, self.child.kill)
        self.timer.start()
        self.lines = []

    def until(self, part):
        for line in self.child.stdout:
            self.lines.append(line.rstrip("\n"))
            if part in line:
                return
        raise AssertionError(f"it never says '{part}': {self.lines}")

    def end(self):
        self.lines += [line.rstrip("\n") for line in self.child.stdout]
        self.timer.cancel()
        self.child.stdout.close()
        return self.child.wait()


class MqttClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="shelfwire-clients-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = pathlib.Path(holder.name)
        make_certificates(cls.folder)
        (cls.folder / "broker.toml").write_text(CONFIG.replace("FOLDER", str(cls.folder)))
        cls.broker = Process("broker", [BIN / "broker", "--config", cls.folder / "broker.toml"], cls.folder / "broker.log")
        cls.addClassCleanup(cls.broker.stop)
        cls.ports = {kind: int(cls.broker.wait_for_line(r"listening on 127\.0\.0\.1:(\d+)" + end).group(1)) for kind, end in
                     (("tcp", "\n"), ("tls", r" \(tls\)"), ("ws", r" \(ws\)"), ("wss", r" \(wss\)"))}

        cls.admin = Admin(cls.broker.listening("administration on"), cls.folder)
        register_devices(cls.admin)
        cls.logins = {}

    def rows(self, transports, prefix):
        for number, (transport, version, login) in enumerate(itertools.product(transports, VERSIONS, LOGINS)):
            client_id = f"GID_test@@@{prefix}{number}"
            if possible(transport, login):
                yield Row(transport, version, login, client_id)

    def shown_by(self, row, client_id):
        """What the client logs in with, each time it does."""
        if client_id not in self.logins:
            self.logins[client_id] = LOGINS[row.login](self.admin, client_id)
        return self.logins[client_id]

    def url(self, row, schemes, path=""):
        return f"{schemes[row.transport]}://localhost:{self.ports[row.transport]}{path}"

    def shown_by_mqttjs(self, row):
        names = {"user": "username", "password": "password", "certificate": "cert", "key": "key"}
        shown = self.shown_by(row, row.client_id)._asdict()
        return {names[field]: str(value) for field, value in shown.items() if value is not None}

    def test_mqttjs(self):
        if not (HERE / "node_modules" / "mqtt").exists():
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
        schemes = {"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}
        rows = [{"name": f"{r.transport} {r.version} {r.login}",
                 "options": {"url": self.url(r, schemes, "/mqtt" if r.transport in ("ws", "wss") else ""),
                             "protocolVersion": 5 if r.version == "5.0" else 4, "clientId": r.client_id,
                             "ca": str(self.folder / "ca.pem"), **self.shown_by_mqttjs(r)}} for r in self.rows(TRANSPORTS, "js")]
        (self.folder / "rows.json").write_text(json.dumps(rows))
        done = subprocess.run(["node", HERE / "mqttjs.mjs", self.folder / "rows.json"], capture_output=True, text=True,
                              timeout=len(rows) * PATIENCE)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.broker.said()[-2000:])
        self.assertEqual(done.stdout.count("ok  "), len(rows))
        # Every login by every transport, and certificates where there is TLS.
        self.assertEqual(len(rows), len(VERSIONS) * (len(TRANSPORTS) * (len(LOGINS) - 1) + 2))

    def test_paho(self):
        schemes = {"tcp": "tcp", "tls": "ssl", "ws": "ws", "wss": "wss"}
        for language in ("c", "cpp"):
            for row in self.rows(TRANSPORTS, language):
                with self.subTest(language=language, transport=row.transport, version=row.version, login=row.login):
                    done = subprocess.run([BIN / "peer-paho", language, self.url(row, schemes, "/mqtt" if "ws" in row.transport else ""),
                                           row.version[0] if row.version == "5.0" else "4", row.client_id, self.folder / "ca.pem",
                                           *("" if word is None else word for word in self.shown_by(row, row.client_id))],
                                          capture_output=True, text=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.broker.said()[-1000:])

    def mosquitto(self, tool, row, suffix, *words):
        """The command line; each process is a client of its own."""
        client_id = row.client_id + suffix
        shown = self.shown_by(row, client_id)
        words = [*words, *(["-u", shown.user, "-P", shown.password] if shown.user else []),
                 *(["--cafile", self.folder / "ca.pem"] if row.transport == "tls" else []),
                 *(["--cert", shown.certificate, "--key", shown.key] if shown.certificate else [])]
        return ["stdbuf", "-oL", f"mosquitto_{tool}", "-h", "localhost", "-p", self.ports[row.transport],
                "-V", "mqttv5" if row.version == "5.0" else "mqttv311", "-i", client_id, *words]

    def run_to_end(self, words):
        said = Said(words)
        self.assertEqual(said.end(), 0, said.lines)

    def test_mosquitto_pub_and_sub(self):
        for row in self.rows(("tcp", "tls"), "m"):
            with self.subTest(transport=row.transport, version=row.version, login=row.login):
                sub = Said(self.mosquitto("sub", row, "s", "-d", "-t", "esl_report/+/m", "-q", "2", "-C", "4", "-F", "MSG %t %q %p"))
                sub.until("SUBACK")
                for qos in "012":
                    self.run_to_end(self.mosquitto("pub", row, "p", "-t", f"esl_report/{qos}/m", "-q", qos, "-m", f"m{qos}"))
                self.run_to_end(self.mosquitto("pub", row, "p", "-t", f"esl_task/p2p/{row.client_id}s", "-q", "1", "-m", "to you"))
                self.assertEqual(sub.end(), 0, sub.lines)
                self.assertEqual([line for line in sub.lines if line.startswith("MSG ")],
                                 [f"MSG esl_report/{qos}/m {qos} m{qos}" for qos in "012"] +
                                 [f"MSG esl_task/p2p/{row.client_id}s 1 to you"])

    def test_mosquitto_rr(self):
        for row in self.rows(("tcp", "tls"), "r"):
            with self.subTest(transport=row.transport, version=row.version, login=row.login):
                server = Said(self.mosquitto("sub", row, "s", "-d", "-t", "esl_report/ask", "-q", "1", "-C", "1", "-F", "MSG %p %R"))
                server.until("SUBACK")
                asker = Said(self.mosquitto("rr", row, "a", "-t", "esl_report/ask", "-e", "esl_report/answer", "-q", "1", "-m", "what?"))
                self.assertEqual(server.end(), 0, server.lines)
                answer_to = "esl_report/answer" if row.version == "5.0" else ""
                self.assertIn(f"MSG what? {answer_to}", server.lines)
                self.run_to_end(self.mosquitto("pub", row, "p", "-t", "esl_report/answer", "-q", "1", "-m", "that"))
                self.assertEqual(asker.end(), 0, asker.lines)
                self.assertEqual(asker.lines, ["that"])

    def test_nobody_gets_in_with_a_wrong_password(self):
        for transport in ("tcp", "tls"):
            row = Row(transport, "5.0", "signature", "GID_test@@@wrong")
            words = self.mosquitto("pub", row, "", "-t", "esl_report/x", "-m", "m")
            words[words.index("-P") + 1] = "wrong"
            said = Said(words)
            self.assertNotEqual(said.end(), 0, said.lines)


if __name__ == "__main__":
    unittest.main()
