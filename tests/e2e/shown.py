"""What a simulated tag's history of its panel (docs/formats/tag-sim-http.md) says about the order of versions."""


class Lost(Exception):
    """More was shown than the simulator remembers."""


class ShownLog:
    """Everything that one tag showed, gathered from its bounded history by looking often enough."""

    def __init__(self):
        self.images = []  # eight hex digits; None: a broken screen

    def update(self, history):
        """Takes in a history; how many entries are new. Lost when some fell off unseen."""
        total = history["fallen_off"] + len(history["shown"])
        new = total - len(self.images)
        if new > len(history["shown"]):
            raise Lost(f"{new} shown since the last look, {len(history['shown'])} remembered")
        self.images += [entry["image"] for entry in history["shown"][len(history["shown"]) - new:]]
        return new


def older_after_newer(images, versions):
    """The first image that was shown after a newer version, as a sentence; None when the order is right.

    `versions` are the (version, image) of every job of the tag, superseded ones too. A radio carries no version, so each
    image counts as the oldest version that it can be without going back: prices return, and so do images. A broken
    screen has no version.
    """
    reached = 0
    for place, image in enumerate(images):
        if image is None:
            continue
        fitting = [version for version, of in versions if of == image]
        if not fitting:
            return f"shown #{place + 1}: {image} is of no version"
        if max(fitting) < reached:
            return f"shown #{place + 1}: {image} of version {max(fitting)} after version {reached}"
        reached = min(version for version in fitting if version >= reached)
    return None
