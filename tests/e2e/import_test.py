"""A verdict for every row of a large product file: real products when ../shared/data is there, made ones otherwise."""
import collections
import csv
import io
import random
import time
import unittest

from base import ROOT, LineTest

REAL = ROOT.parent / "shared" / "data" / "products-hr.csv"


def check_digit_fits(digits):
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(reversed(digits)))
    return total % 10 == 0


def made_up(rows=30_000):
    """As the real file is: mostly good EANs, some in-store codes, some damaged ones."""
    chance = random.Random(5)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["barcode", "brand", "name", "unit", "quantity"])
    for i in range(rows):
        body = f"950120{i:06d}"
        total = sum(int(d) * (3 if k % 2 == 0 else 1) for k, d in enumerate(reversed(body)))
        code = body + str((10 - total % 10) % 10)
        kind = chance.random()
        if kind < 0.02:
            code = str(chance.randrange(1, 99_999))
        elif kind < 0.03:
            code = code[:-1] + str((int(code[-1]) + 1) % 10)
        writer.writerow([code, "Naranča", f"Čokolada {i}", chance.choice(["g", "L", "kom"]), chance.choice(["100", "0.5", "1"])])
    return out.getvalue().encode()


class ImportTest(LineTest):
    def test_gives_a_verdict_for_every_row_in_bounded_memory(self):
        raw = REAL.read_bytes() if REAL.exists() else made_up()
        rows = list(csv.DictReader(io.StringIO(raw.decode())))
        line = self.line(ble_tags=0, zigbee_tags=0)
        started = time.monotonic()
        verdicts, summary = line.rest.import_products(line.store, raw)
        seconds = time.monotonic() - started
        memory = line.processes["mgmt-service"].peak_memory_mb()
        reasons = collections.Counter(v.get("reason", v["verdict"]) for v in verdicts)
        print(f"{len(rows)} rows in {seconds:.1f} s, service at most {memory:.0f} MB: {dict(reasons)}")

        self.assertEqual([v["row"] for v in verdicts], list(range(1, len(rows) + 1)))
        self.assertEqual(summary["rows"], len(rows))
        self.assertLess(memory, 200)
        for row, verdict in zip(rows, verdicts):
            code = row["barcode"]
            gtin = code.isdigit() and len(code) in (8, 12, 13, 14)
            if verdict["verdict"] == "rejected":
                self.assertTrue(verdict.get("detail"), verdict)
            if verdict.get("reason") == "short_code":
                self.assertTrue(code.isdigit() and len(code) < 8, (row, verdict))
            elif verdict.get("reason") == "bad_check_digit":
                self.assertTrue(gtin and not check_digit_fits(code), (row, verdict))
            elif gtin and verdict["verdict"] == "created":
                self.assertTrue(check_digit_fits(code), (row, verdict))
                self.assertEqual(verdict["product"], code.zfill(14))
        self.assertGreater(reasons["created"], len(rows) * 0.8)
        self.assertGreater(reasons["short_code"], 0)

        good = sum(v["verdict"] in ("created", "updated") for v in verdicts)
        self.assertEqual(line.rest.get(f"/stores/{line.store}")["products"],
                         len({v["product"] for v in verdicts if v["verdict"] in ("created", "updated", "unchanged")}))
        again, _ = line.rest.import_products(line.store, raw)
        self.assertEqual(sum(v["verdict"] == "unchanged" for v in again), good + reasons["unchanged"])
        self.assert_audit(line)


if __name__ == "__main__":
    unittest.main()
