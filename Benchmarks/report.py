"""Runs the comparisons and writes docs/performance.md and its SVG plots.

    report.py FOLDER-OF-PROGRAMS WORK DOCS
"""

import datetime
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Title, model file, more arguments of compare.py.
COMPARISONS = [
    ("ResNet50, batch 1, 2 threads", "resnet50-b1.onnx", ["--threads", "2", "--cold", "3"]),
    ("ResNet50, batch 1, 1 thread", "resnet50-b1.onnx", ["--threads", "1"]),
    ("ResNet50, batch 8, 2 threads", "resnet50-b8.onnx", ["--threads", "2", "--rounds", "5", "--burst", "2"]),
    ("GoogLeNet, batch 1, 2 threads", "googlenet-b1.onnx", ["--threads", "2", "--cold", "3"]),
    ("GoogLeNet, batch 1, 1 thread", "googlenet-b1.onnx", ["--threads", "1"]),
    ("GoogLeNet, batch 8, 2 threads", "googlenet-b8.onnx", ["--threads", "2", "--rounds", "5", "--burst", "2"]),
]


def processor():
    with open("/proc/cpuinfo") as info:
        names = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    return f"{names[0]}, {os.cpu_count()} cores" if names else "unknown processor"


def compare(programs, model, options, output):
    command = [sys.executable, os.path.join(HERE, "compare.py"), os.path.join(programs, "csn-run"), model, "--json", output]
    subprocess.run(command + options, check=True)
    with open(output) as file:
        return json.load(file)


def table(result):
    rows = ["| runtime | median ms | min ms | times ours | peak MiB | cold start ms | largest difference / std |",
            "|---|---|---|---|---|---|---|"]
    for name, row in result.items():
        gap = row["difference_over_std"]
        rows.append(f"| {name} | {row['median_ms']:.2f} | {row['min_ms']:.2f} | {row['times_slower_than_us']:.2f} | "
                    f"{row['peak_rss_mib']:.0f} | {row['cold_start_ms']:.0f} | {'' if gap is None else format(gap, '.1e')} |")
    return "\n".join(rows)


def plot(title, result, path):
    """Horizontal bars of the median times, ours first."""
    longest = max(row["median_ms"] for row in result.values())
    height, bar, left, width = 28, 18, 150, 420
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{height * len(result) + 40}" '
             'font-family="sans-serif" font-size="13">',
             f'<text x="8" y="20" font-weight="bold">{title}: ms, less is better</text>']
    for index, (name, row) in enumerate(result.items()):
        y = 34 + index * height
        length = width * row["median_ms"] / longest
        colour = "#d9622b" if index == 0 else "#8aa0b4"
        lines += [f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{name}</text>',
                  f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar}" fill="{colour}"/>',
                  f'<text x="{left + length + 6:.1f}" y="{y + 14}">{row["median_ms"]:.1f}</text>']
    with open(path, "w") as file:
        file.write("\n".join(lines + ["</svg>\n"]))


def main(programs, work, docs):
    os.makedirs(os.path.join(docs, "images"), exist_ok=True)
    page = ["# Performance", "",
            f"Measured by `make bench` on {datetime.date.today()}: {processor()}. Every round gives each runtime a turn; \"times ours\" is the",
            "median over the rounds of (its time / csn-run's time in the same round): trust that, not the milliseconds.", ""]
    for title, model, options in COMPARISONS:
        name = title.lower().replace(",", "").replace(" ", "-")
        result = compare(programs, os.path.join(work, "models", model), options, os.path.join(work, name + ".json"))
        plot(title, result, os.path.join(docs, "images", name + ".svg"))
        page += [f"## {title}", "", f"![{title}](images/{name}.svg)", "", table(result), ""]
    with open(os.path.join(docs, "performance.md"), "w") as file:
        file.write("\n".join(page))


if __name__ == "__main__":
    main(*sys.argv[1:])
