#!/usr/bin/env python3
"""Writes price-history.csv: 110 made-up products with prices over 60 days, in the form of the real histories."""
import datetime
import pathlib
import random

chance = random.Random(11)
start = datetime.date(2024, 1, 1)
rows = ["store;id;name;priceDate;price;isBudgetBrand;quantity;unit;isWeighted;isBio;isAvailable;url"]
for n in range(110):
    price = chance.randrange(49, 1299)
    days = sorted(chance.sample(range(60), chance.randrange(1, 6)))
    for day in days:
        price = max(19, price + chance.choice([-30, -20, -10, 10, 20, 40]))
        rows.append(f'shop;"20-{n:06d}";Artikel  Nummer {n};{start + datetime.timedelta(day)};{price / 100:.2f};true;'
                    f'{chance.choice([100, 250, 500, 1000])};{chance.choice(["g", "ml"])};false;false;true;;')
pathlib.Path(__file__).with_name("price-history.csv").write_text("\n".join(rows) + "\n")
