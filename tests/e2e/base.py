"""What every end-to-end test has in common: a line of its own in a folder of its own, removed with it."""
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "deploy"))
sys.dont_write_bytecode = True

from line import check, png, screens  # noqa: E402, F401
from line.line import BLE_AP, ZIGBEE_AP, Line, Sim  # noqa: E402, F401
from line.process import Failed, wait_for  # noqa: E402, F401
from line.rest import Refused  # noqa: E402, F401

LONG = bool(os.environ.get("SHELFWIRE_LONG"))


class LineTest(unittest.TestCase):
    maxDiff = None

    def line(self, **options):
        """A started line that ends with the test; on failure its logs' ends are printed."""
        state = pathlib.Path(tempfile.mkdtemp(prefix="shelfwire-e2e-"))
        line = Line(state, **options)

        def clean():
            failed = any(error for _, error in getattr(self._outcome, "errors", []) or []) or not all(
                process.alive() for process in line.processes.values())
            line.stop_quietly()
            if failed:
                for log in sorted(line.logs().glob("*.log")):
                    print(f"---- end of {log.name}\n{log.read_text(errors='replace')[-3000:]}")
            if not os.environ.get("SHELFWIRE_KEEP"):
                shutil.rmtree(state, ignore_errors=True)
        self.addCleanup(clean)
        return line.start()

    def assert_screens(self, line, tags=None):
        tags = tags if tags is not None else [tag["id"] for tag in line.rest.all("/tags")]
        self.assertEqual(screens.compare(line, tags), {})

    def assert_audit(self, line):
        said, good = check.audit(line)
        self.assertTrue(good, said)
