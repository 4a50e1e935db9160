"""What ./deploy/demo does with the line: fill it, change prices, look at every screen, check the audit log."""
import pathlib
import random
import subprocess
import time

from . import screens
from .process import Failed

CATALOGUE = pathlib.Path(__file__).resolve().parent.parent / "catalogue" / "products.csv"


class Table:
    def __init__(self):
        self.rows = []

    def add(self, step, change=None, **figures):
        if change:
            counts = change["counts"]
            timings = change["timings"]
            figures = {"jobs": change["jobs_total"], "displayed": counts.get("displayed", 0),
                       "failed": counts.get("failed", 0), "p50": timings["p50_ms"], "p99": timings["p99_ms"], **figures}
        self.rows.append((step, figures))
        print(f"  {step}: " + ", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)

    def text(self):
        columns = ["jobs", "displayed", "failed", "p50", "p99"]
        lines = [f"{'step':<44}{'jobs':>7}{'displayed':>11}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}  other"]
        for step, figures in self.rows:
            cells = [figures.get(column) for column in columns]
            widths = [7, 11, 8, 9, 9]
            line = f"{step:<44}" + "".join(f"{'' if c is None else c:>{w}}" for c, w in zip(cells, widths))
            rest = ", ".join(f"{key} {value}" for key, value in figures.items() if key not in columns)
            lines.append(f"{line}  {rest}")
        return "\n".join(lines)


def fill(line, table):
    """Catalogue in, every tag known and bound; what is there already stays."""
    _, summary = line.rest.import_products(line.store, CATALOGUE.read_bytes(), dry_run=True)
    table.add("catalogue, dry run", **{k: summary[k] for k in ("rows", "created", "updated", "unchanged", "rejected")})
    _, summary = line.rest.import_products(line.store, CATALOGUE.read_bytes(), title="Sample catalogue")
    table.add("catalogue, import", **{k: summary[k] for k in ("rows", "created", "updated", "unchanged", "rejected")})
    if summary["change"]:
        line.settle(summary["change"])
    tags = sorted(line.join_tags(), key=lambda tag: tag["id"])
    products = sorted(p["id"] for p in line.rest.all(f"/stores/{line.store}/products"))
    started, jobs = time.monotonic(), 0
    for i, tag in enumerate(tags):
        if not tag["products"]:
            line.rest.put(f"/tags/{tag['id']}/binding", {"store": line.store, "products": [products[i % len(products)]],
                                                         "position": f"A{i // 40 + 1}-{i // 8 % 5 + 1}-{i % 8 + 1:02d}"})
            jobs += 1
    wait_until_shown(line)
    stats = line.rest.get("/stats")["tags"]
    table.add("bind every tag", jobs=jobs, displayed=stats["shown"] - (stats["total"] - jobs), failed=stats["failed"],
              seconds=round(time.monotonic() - started, 1))
    return [tag["id"] for tag in tags]


def wait_until_shown(line, deadline=300):
    from .process import wait_for

    def shown():
        stats = line.rest.get("/stats")["tags"]
        return stats["pending"] == 0
    try:
        wait_for("nothing pending", shown, deadline, 0.2)
    except Failed as error:
        raise Failed(f"{error}: {line.rest.get('/stats')['tags']}")


def change_prices(line, products, title, promotion=False):
    """One change over these products: each gets a price it did not have."""
    items = []
    now = {p["id"]: p for p in line.rest.all(f"/stores/{line.store}/products")}
    for product in products:
        price = (now[product].get("price") or {"minor": 199, "currency": "EUR"})
        minor = price["minor"] + random.choice([-20, -10, -5, 5, 10, 30]) if price["minor"] > 50 else price["minor"] + 10
        item = {"product": product, "price": {"minor": minor, "currency": price["currency"]}}
        if promotion:
            start = int(time.time() * 1000) - 1000
            item["promotion"] = {"price": {"minor": max(1, minor * 8 // 10), "currency": price["currency"]},
                                 "prior_price": None, "from": start, "to": start + 7 * 86_400_000}
        elif now[product].get("promotion"):
            item["promotion"] = None  # of an earlier run: it would go on hiding the new price
        items.append(item)
    return line.rest.post(f"/stores/{line.store}/changes", {"title": title, "items": items})["id"]


def bound_products(line):
    return sorted({p["id"] for tag in line.rest.all("/tags") for p in tag["products"]})


def audit(line):
    """(first line of audit-log verify, whether it is good)."""
    done = subprocess.run([line.bin / "audit-log", "verify", line.state / "mgmt" / "audit"], capture_output=True, text=True)
    return done.stdout.splitlines()[0] if done.stdout else done.stderr.strip(), done.returncode == 0


def prove(line, tag):
    """What `audit-log prove` says of the tag's newest display; Failed when it cannot prove what the tag shows."""
    done = subprocess.run([line.bin / "audit-log", "prove", line.state / "mgmt" / "audit", "--tag", tag],
                          capture_output=True, text=True)
    shown = line.sim_of(tag).tag(tag)["shown_image"]
    if done.returncode != 0 or f'"image":"{shown}"' not in done.stdout or "proof       good" not in done.stdout:
        raise Failed(f"audit-log prove --tag {tag}: tag shows {shown}: {done.stdout}{done.stderr}")
    return f"{tag} shows {shown}, proof good"


def run(line):
    """The whole check; the table. Raises Failed for the first thing that is not as it must be."""
    table = Table()
    tags = fill(line, table)
    products = bound_products(line)
    for title, some, promotion in [("change the price of every bound product", products, False),
                                   ("change one price", products[:1], False),
                                   ("promotion on ten products", products[:10], True)]:
        change = line.settle(change_prices(line, some, title, promotion))
        table.add(title, change)
        if change["state"] != "done":
            raise Failed(f"{title}: ended as {change['state']}: {change['counts']}")
        if some is products and change["counts"] != {"displayed": len(tags)}:
            raise Failed(f"{title}: {change['counts']} for {len(tags)} tags")
    wait_until_shown(line)
    wrong = screens.compare(line, tags)
    table.add("screens compared pixel by pixel", tags=len(tags), different=len(wrong))
    if wrong:
        raise Failed(f"{len(wrong)} of {len(tags)} screens differ: {dict(list(wrong.items())[:5])}")
    said, good = audit(line)
    table.add("audit-log verify", verdict=said)
    if not good:
        raise Failed(f"audit log: {said}")
    table.add("audit-log prove", verdict=prove(line, tags[0]))
    return table
