"""Just enough PNG to compare pictures pixel by pixel: palette or grey or RGB, 1 to 8 bits, not interlaced."""
import struct
import zlib


def _unfilter(raw, height, stride, step):
    rows, previous, at = [], bytearray(stride), 0
    for _ in range(height):
        kind, row = raw[at], bytearray(raw[at + 1:at + 1 + stride])
        at += 1 + stride
        for i in range(stride):
            left = row[i - step] if i >= step else 0
            up = previous[i]
            corner = previous[i - step] if i >= step else 0
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + up) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + up) // 2) & 255
            elif kind == 4:
                guess = left + up - corner
                distances = (abs(guess - left), abs(guess - up), abs(guess - corner))
                row[i] = (row[i] + (left, up, corner)[distances.index(min(distances))]) & 255
        rows.append(row)
        previous = row
    return rows


def pixels(data):
    """(width, height, list of rows of (r, g, b))."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG: " + repr(data[:40]))
    at, body, palette = 8, b"", []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + length]
        at += 12 + length
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", chunk[:10])
        elif kind == b"PLTE":
            palette = [tuple(chunk[i:i + 3]) for i in range(0, length, 3)]
        elif kind == b"IDAT":
            body += chunk
    samples = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    stride = (width * samples * depth + 7) // 8
    rows = []
    for row in _unfilter(zlib.decompress(body), height, stride, max(1, samples * depth // 8)):
        if colour in (2, 6):
            rows.append([tuple(row[i:i + 3]) for i in range(0, width * samples, samples)])
            continue
        values = [row[i * depth // 8] >> (8 - depth - i * depth % 8) & ((1 << depth) - 1) for i in range(width)]
        rows.append([palette[v] if colour == 3 else (v * 255 // ((1 << depth) - 1),) * 3 for v in values])
    return width, height, rows


def differing(one, other):
    """How many pixels differ; every pixel when the sizes do."""
    if one == other:
        return 0
    a, b = pixels(one), pixels(other)
    if a[:2] != b[:2]:
        return max(a[0] * a[1], b[0] * b[1])
    return sum(p != q for row_a, row_b in zip(a[2], b[2]) for p, q in zip(row_a, row_b))
