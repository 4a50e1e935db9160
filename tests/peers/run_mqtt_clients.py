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
[[listener]]
address = "ws://127.0.0.1:0"
[[listener]]
address = "wss://127.0.0.1:0"
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

    def __init__(self, port, key):
        self.base, self.key = f"http://127.0.0.1:{port}/api/v1/", key

    def post(self, path, body):
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), {
            "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())


def signed(secret, client_id):
    return base64.b64encode(hmac.new(secret.encode(), client_id.encode(), hashlib.sha1).digest()).decode()


def token(admin, client_id):
    applied = admin.post("tokens", {"actions": "R,W", "resources": ["esl_report/#", "esl_task/#"],
                                    "expires": int(time.time() * 1000) + 3_600_000})
    return "Token|KEY|instance", f"RW|{applied['token']}"


def device(admin, client_id):
    made = admin.post("device-credentials", {"client_id": client_id})
    return f"DeviceCredential|{made['id']}|instance", signed(made["secret"], client_id)


# Ways to log in: what gives user name and password for a client id.
LOGINS = {
    "signature": lambda admin, client_id: ("Signature|KEY|instance", signed(SECRET, client_id)),
    "token": token,
    "device": device,
    "user": lambda admin, client_id: ("user", PASSWORD),
}

Row = collections.namedtuple("Row", "transport version login client_id user password")


def make_certificates(folder):
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Peers' CA")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.pem")


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

        cls.admin = Admin(cls.broker.listening("administration on"), (cls.folder / "data" / "admin.key").read_text().strip())

    def rows(self, transports, prefix):
        for number, (transport, version, login) in enumerate(itertools.product(transports, VERSIONS, LOGINS)):
            client_id = f"GID_test@@@{prefix}{number}"
            yield Row(transport, version, login, client_id, *LOGINS[login](self.admin, client_id))

    def url(self, row, schemes, path=""):
        return f"{schemes[row.transport]}://localhost:{self.ports[row.transport]}{path}"

    def test_mqttjs(self):
        if not (HERE / "node_modules" / "mqtt").exists():
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
        schemes = {"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}
        rows = [{"name": f"{r.transport} {r.version} {r.login}",
                 "options": {"url": self.url(r, schemes, "/mqtt" if r.transport in ("ws", "wss") else ""),
                             "protocolVersion": 5 if r.version == "5.0" else 4, "clientId": r.client_id, "username": r.user,
                             "password": r.password, "ca": str(self.folder / "ca.pem")}} for r in self.rows(TRANSPORTS, "js")]
        (self.folder / "rows.json").write_text(json.dumps(rows))
        done = subprocess.run(["node", HERE / "mqttjs.mjs", self.folder / "rows.json"], capture_output=True, text=True,
                              timeout=len(rows) * PATIENCE)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.broker.said()[-2000:])
        self.assertEqual(done.stdout.count("ok  "), len(TRANSPORTS) * len(VERSIONS) * len(LOGINS))

    def test_paho(self):
        schemes = {"tcp": "tcp", "tls": "ssl", "ws": "ws", "wss": "wss"}
        for language in ("c", "cpp"):
            for row in self.rows(TRANSPORTS, language):
                with self.subTest(language=language, transport=row.transport, version=row.version, login=row.login):
                    done = subprocess.run([BIN / "peer-paho", language, self.url(row, schemes, "/mqtt" if "ws" in row.transport else ""),
                                           row.version[0] if row.version == "5.0" else "4", row.client_id, row.user, row.password,
                                           self.folder / "ca.pem"], capture_output=True, text=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.broker.said()[-1000:])

    def mosquitto(self, tool, row, suffix, *words):
        """The command line; each process is a client of its own."""
        client_id = row.client_id + suffix
        user, password = LOGINS[row.login](self.admin, client_id)
        tls = ["--cafile", self.folder / "ca.pem"] if row.transport == "tls" else []
        return ["stdbuf", "-oL", f"mosquitto_{tool}", "-h", "localhost", "-p", self.ports[row.transport],
                "-V", "mqttv5" if row.version == "5.0" else "mqttv311", "-i", client_id, "-u", user, "-P", password, *tls, *words]

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
            row = Row(transport, "5.0", "signature", "GID_test@@@wrong", "Signature|KEY|instance", "")
            words = self.mosquitto("pub", row, "", "-t", "esl_report/x", "-m", "m")
            words[words.index("-P") + 1] = "wrong"
            said = Said(words)
            self.assertNotEqual(said.end(), 0, said.lines)


if __name__ == "__main__":
    unittest.main()
