"""Real price histories, day by day, on 100 bound tags: the clock is moved, not slept.

After each day every bound tag shows the render of the price in force, tags whose price did not change were sent nothing,
and no tag shows an older version after a newer one: by the tags' own account of what they showed. `SHELFWIRE_HISTORY=FILE` takes another file; `--long` all days.
"""
import collections
import csv
import datetime
import decimal
import os
import pathlib
import time
import unittest

from base import LONG, ROOT, LineTest, check, png
from shown import ShownLog, older_after_newer

SHARED = ROOT.parent / "shared" / "data" / "price-history-budget.csv"
OWN = ROOT / "tests" / "data" / "price-history.csv"
PRODUCTS = 100
DAYS = 40  # the short form: the newest days


def history_file():
    named = os.environ.get("SHELFWIRE_HISTORY")
    return pathlib.Path(named) if named else SHARED if SHARED.exists() else OWN


def read_history(path):
    """{day: {product: cents}} for the products with the most prices, and {product: row}."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    for row in rows:
        row["id"] = f"A-{row['id']}"  # the chain's own codes; seven bare digits would be taken for a broken GTIN
    count = collections.Counter(row["id"] for row in rows)
    chosen = {product for product, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))[:PRODUCTS]}
    days, names = collections.defaultdict(dict), {}
    for row in rows:
        if row["id"] in chosen:
            days[row["priceDate"]][row["id"]] = int((decimal.Decimal(row["price"]) * 100).to_integral_value())
            names.setdefault(row["id"], row)
    return dict(sorted(days.items())), names


def midnight(day):
    return int(datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)


class ReplayTest(LineTest):
    def sent(self):
        """{tag: how many transfers it has had}, by the simulators' own count."""
        return {tag["id"]: tag["counters"]["transfers"] for sim in self.line_.sims.values() for tag in sim.tags()}

    def look(self):
        """{tag: how many images it has shown since the last look}."""
        return {tag: log.update(self.line_.sim_of(tag).tag(tag)["history"]) for tag, log in self.shown.items()}

    def assert_order(self):
        """Whatever a tag showed, nothing older came after something newer: by its own account, then by the service's."""
        for tag, log in self.shown.items():
            jobs = list(self.line_.rest.all("/jobs", tag=tag))
            self.assertIsNone(older_after_newer(log.images, [(job["version"], job["image"]) for job in jobs]), f"tag {tag}")
            displayed = [job["version"] for job in jobs if job["state"] == "displayed"]
            self.assertEqual(displayed, sorted(displayed, reverse=True), f"tag {tag}: displayed out of order")
            newest = max(jobs, key=lambda job: job["version"])
            self.assertEqual(log.images[-1], newest["image"], f"tag {tag}: shows another image than its newest version")

    def set_up_store(self, days, names):
        line = self.line_
        line.rest.put("/test/clock", {"now": midnight(next(iter(days))) - 86_400_000})
        lines = ["code,name,brand,quantity,unit,price"]
        first = {}
        for prices in days.values():
            for product, cents in prices.items():
                first.setdefault(product, cents)
        for product, row in sorted(names.items()):
            lines.append(f'{product},"{" ".join(row["name"].split())}",,{row["quantity"]},{row["unit"]},{first[product] / 100:.2f}')
        verdicts, summary = line.rest.import_products(line.store, "\n".join(lines).encode())
        self.assertEqual(summary["rejected"], 0, [v for v in verdicts if v["verdict"] == "rejected"][:5])
        tags = sorted(line.join_tags(), key=lambda tag: tag["id"])
        self.product_of = {}
        for tag, product in zip(tags, sorted(names)):
            line.rest.put(f"/tags/{tag['id']}/binding", {"store": line.store, "products": [product]})
            self.product_of[tag["id"]] = product
        self.panel_of = {tag["id"]: tag["panel"] for tag in tags}
        check.wait_until_shown(line)
        self.shown = {tag: ShownLog() for tag in self.product_of}
        self.look()
        return first

    def assert_day(self, day, in_force):
        """Each screen is the render of the price that the file says."""
        line = self.line_
        for tag, product in self.product_of.items():
            price = line.rest.get(f"/stores/{line.store}/products/{product}")["price"]
            self.assertEqual(price["minor"], in_force[product], f"{day}: price of {product}")
            status, _, render = line.rest.raw("GET", f"/stores/{line.store}/products/{product}/preview.png?panel={self.panel_of[tag]}")
            self.assertEqual(status, 200, render[:300])
            self.assertEqual(png.differing(render, line.sim_of(tag).screen(tag)), 0, f"{day}: tag {tag} with {product}")

    def test_replays_a_price_history_day_by_day(self):
        path = history_file()
        days, names = read_history(path)
        if not LONG:
            days = dict(list(days.items())[-DAYS:])
            names = {product: row for product, row in names.items()}
        self.line_ = line = self.line(ble_tags=PRODUCTS // 2, zigbee_tags=PRODUCTS - PRODUCTS // 2, speed=500, test_clock=True)
        # Products whose first price comes later start with that one.
        all_days, _ = read_history(path)
        in_force = {}
        for day, prices in all_days.items():
            for product, cents in prices.items():
                if product not in in_force or day < next(iter(days)):
                    in_force[product] = cents
        first_day = next(iter(days))
        self.set_up_store({first_day: in_force}, names)

        started, changes, sent_total = time.monotonic(), 0, 0
        for number, (day, prices) in enumerate(days.items()):
            before = self.sent()
            line.rest.put("/test/clock", {"now": midnight(day)})
            changed = {p: cents for p, cents in prices.items() if in_force[p] != cents}
            if changed and number % 3 == 0:
                # A wrong price first, put right at once: the wrong one must never come after the right one.
                wrong = [{"product": p, "price": {"minor": cents + 1000, "currency": "EUR"}} for p, cents in changed.items()]
                line.rest.post(f"/stores/{line.store}/changes", {"title": f"{day} mistaken", "items": wrong})
            items = [{"product": p, "price": {"minor": cents, "currency": "EUR"}} for p, cents in prices.items()]
            change = line.rest.post(f"/stores/{line.store}/changes", {"title": day, "items": items})
            line.settle(change["id"], 120)
            check.wait_until_shown(line, 120)
            in_force.update(prices)
            after, shown = self.sent(), self.look()
            untouched = [tag for tag, product in self.product_of.items() if product not in changed]
            self.assertEqual({tag for tag in untouched if after[tag] != before[tag]}, set(), f"{day}: sent without a new price")
            self.assertEqual({tag for tag in untouched if shown[tag]}, set(), f"{day}: showed something without a new price")
            self.assert_day(day, in_force)
            changes += len(changed)
            sent_total += sum(after.values()) - sum(before.values())
        self.assert_order()
        print(f"{path.name}: {len(days)} days, {changes} prices changed, {sent_total} transfers to {PRODUCTS} tags, "
              f"{sum(len(log.images) for log in self.shown.values())} images shown, "
              f"{time.monotonic() - started:.0f} s")
        self.assert_audit(line)


if __name__ == "__main__":
    unittest.main()
