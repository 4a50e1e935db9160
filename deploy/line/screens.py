"""Compares what tags really show with what the service wants of them."""
from . import png


def compare(line, tags):
    """Ids of tags whose screen differs from the wanted one, each with the number of pixels that do."""
    wrong = {}
    for tag in tags:
        status, _, wanted = line.rest.raw("GET", f"/tags/{tag}/wanted.png")
        if status != 200:
            wrong[tag] = f"no wanted image ({status})"
            continue
        pixels = png.differing(wanted, line.sim_of(tag).screen(tag))
        if pixels:
            wrong[tag] = f"{pixels} pixels differ"
    return wrong
