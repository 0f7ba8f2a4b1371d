"""Decodes PNG files with nothing but zlib, as a referee that shares no code with libpng.

Prints for each file: its name, width, height, channels, bits a sample (8 or 16) and the CRC-32 of the samples
(interleaved, 16 bits little-endian), expanded as the project expands them.
"""
import struct
import sys
import zlib


def chunks(data):
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def unfilter(data, rows, row_bytes, pixel_bytes):
    previous, position, out = bytearray(row_bytes), 0, []
    for _ in range(rows):
        kind, row = data[position], bytearray(data[position + 1 : position + 1 + row_bytes])
        position += 1 + row_bytes
        for i in range(row_bytes):
            a = row[i - pixel_bytes] if i >= pixel_bytes else 0
            b = previous[i]
            c = previous[i - pixel_bytes] if i >= pixel_bytes else 0
            if kind == 1:
                row[i] = (row[i] + a) & 255
            elif kind == 2:
                row[i] = (row[i] + b) & 255
            elif kind == 3:
                row[i] = (row[i] + (a + b) // 2) & 255
            elif kind == 4:
                p = a + b - c
                _, best = min((abs(p - a), 0), (abs(p - b), 1), (abs(p - c), 2))
                row[i] = (row[i] + (a, b, c)[best]) & 255
        out.append(row)
        previous = row
    return out, position


def samples(row, count, depth):
    if depth == 16:
        return [row[2 * i] << 8 | row[2 * i + 1] for i in range(count)]
    if depth == 8:
        return list(row[:count])
    return [row[i * depth // 8] >> (8 - depth - i * depth % 8) & ((1 << depth) - 1) for i in range(count)]


def decode(path):
    found = {}
    idat = b""
    for kind, body in chunks(open(path, "rb").read()):
        if kind == b"IDAT":
            idat += body
        else:
            found.setdefault(kind, body)
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", found[b"IHDR"])
    stored = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    data, position = zlib.decompress(idat), 0
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    pixels = [[None] * width for _ in range(height)]
    for x0, y0, dx, dy in passes:
        columns, rows = len(range(x0, width, dx)), len(range(y0, height, dy))
        if not columns or not rows:
            continue
        row_bytes = (columns * stored * depth + 7) // 8
        lines, used = unfilter(data[position:], rows, row_bytes, max(1, stored * depth // 8))
        position += used
        for r, line in enumerate(lines):
            values = samples(line, columns * stored, depth)
            for c in range(columns):
                pixels[y0 + r * dy][x0 + c * dx] = tuple(values[c * stored : (c + 1) * stored])
    transparency = found.get(b"tRNS")
    if color == 3:
        palette = found[b"PLTE"]
        alpha = transparency or b""
        full = lambda i: tuple(palette[3 * i : 3 * i + 3]) + (
            ((alpha[i] if i < len(alpha) else 255),) if transparency is not None else ())
        pixels = [[full(p[0]) for p in row] for row in pixels]
    else:
        top = (1 << depth) - 1
        scale = (255 // top) if depth < 8 else 1
        key = struct.unpack(">%dH" % (len(transparency) // 2), transparency) if transparency else None
        full = lambda p: tuple(v * scale for v in p) + (((0 if p == key else max(top, 255)),) if key else ())
        pixels = [[full(p) for p in row] for row in pixels]
    channels = len(pixels[0][0])
    flat = [v for row in pixels for pixel in row for v in pixel]
    raw = struct.pack("<%dH" % len(flat), *flat) if depth == 16 else bytes(flat)
    return width, height, channels, 16 if depth == 16 else 8, zlib.crc32(raw)


for path in sys.argv[1:]:
    print(path, *decode(path))
