"""Starts `tag-sim znp` on a port of its own and lets zigbee-herdsman judge it."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "deploy"))
sys.dont_write_bytecode = True

from line.process import Process  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


class HerdsmanTest(unittest.TestCase):
    TAGS = 5

    def test_forms_joins_interviews_and_resumes(self):
        if not (HERE / "node_modules" / "zigbee-herdsman").exists():
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
        sim = pathlib.Path(os.environ.get("SHELFWIRE_BUILD", ROOT / "build")) / "bin" / "tag-sim"
        with tempfile.TemporaryDirectory(prefix="shelfwire-herdsman-") as folder:
            process = Process("tag-sim", [sim, "znp", "--listen", "127.0.0.1:0", "--tags", self.TAGS, "--http", "127.0.0.1:0",
                                          "--speed", 20, "--seed", 1], pathlib.Path(folder) / "sim.log")
            self.addCleanup(process.stop)
            port = process.listening("ZNP on")
            done = subprocess.run(["node", HERE / "herdsman.mjs", f"tcp://127.0.0.1:{port}", str(self.TAGS), folder],
                                  capture_output=True, text=True, timeout=300)
            print("\n".join(line for line in done.stdout.splitlines() if not line.startswith("[")))
            self.assertEqual(done.returncode, 0, done.stdout[-5000:] + done.stderr[-3000:] + process.said()[-1500:])


if __name__ == "__main__":
    unittest.main()
