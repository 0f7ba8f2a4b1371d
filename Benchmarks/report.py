"""Runs the comparisons and writes docs/performance.md and its SVG plots.

    report.py FOLDER-OF-PROGRAMS WORK DOCS KERNELS-PROGRAM
"""

import datetime
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
THREADS = len(os.sched_getaffinity(0))
PACKAGES = ["onnxruntime", "openvino", "ncnn", "MNN", "numpy"]


def slug(title):
    """A title as part of a file's name."""
    return "".join(c if c.isalnum() else "-" for c in title.lower()).replace("--", "-").strip("-")


@dataclass
class Comparison:
    title: str
    model: str
    threads: int = THREADS
    options: list = field(default_factory=list)

    @property
    def name(self):
        return slug(self.title)


BATCH = ["--rounds", "7", "--burst", "2"]
COMPARISONS = [
    Comparison(f"ResNet50, batch 1, {THREADS} threads", "resnet50_b1.onnx", options=["--cold", "3"]),
    Comparison("ResNet50, batch 1, 1 thread", "resnet50_b1.onnx", 1),
    Comparison(f"ResNet50, batch 8, {THREADS} threads", "resnet50_b8.onnx", options=BATCH),
    Comparison(f"GoogLeNet, batch 1, {THREADS} threads", "googlenet_b1.onnx", options=["--cold", "3"]),
    Comparison("GoogLeNet, batch 1, 1 thread", "googlenet_b1.onnx", 1),
    Comparison(f"GoogLeNet, batch 8, {THREADS} threads", "googlenet_b8.onnx", options=BATCH),
    Comparison(f"IFCNN max, two 1024x1024 images, {THREADS} threads", "ifcnn_1024.onnx",
               options=["--rounds", "5", "--burst", "2", "--cold", "1"]),
]
# Times that the kernel bench goes over all shapes: a slow stretch of the machine should not fall on one shape alone.
SWEEPS = 4
BFLOAT16 = Comparison(f"ResNet50 in bf16, batch 1, {THREADS} threads", "resnet50_b1.onnx", options=["--precision", "bf16"])


def processor():
    with open("/proc/cpuinfo") as info:
        lines = [line.split(":", 1) for line in info if ":" in line]
    facts = {key.strip(): value.strip() for key, value in lines}
    flags = facts.get("flags", "").split()
    has = [name for name in ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if name in flags]
    return f"{facts.get('model name', 'unknown')} (family {facts.get('cpu family')}, model {facts.get('model')}; {', '.join(has)})", \
        "avx512_bf16" in flags


class Report:
    def __init__(self, programs, work, docs, kernels):
        self.run, self.convert = (os.path.join(programs, name) for name in ("csn-run", "csn-convert"))
        self.work, self.docs, self.kernels = work, docs, kernels
        self.page = []
        os.makedirs(os.path.join(docs, "images"), exist_ok=True)

    def model(self, name):
        return os.path.join(self.work, "models", name)

    def graph(self, name):
        """The model in csn-run's own form."""
        path = os.path.join(self.work, os.path.splitext(name)[0] + ".graph")
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(self.convert):
            subprocess.run([self.convert, self.model(name), "-o", path], check=True, stdout=subprocess.DEVNULL)
        return path

    def add(self, *lines):
        self.page += [*lines, ""]

    def table(self, header, rows):
        self.add("| " + " | ".join(header) + " |", "|" + "---|" * len(header),
                 *("| " + " | ".join(map(str, row)) + " |" for row in rows))

    def plot(self, title, bars, unit, ours=None):
        """Horizontal bars of (name, value), all of ours but where one bar of several is."""
        name = slug(title)
        longest = max(value for _, value in bars)
        step, bar, left, width = 28, 18, 220, 420
        lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{step * len(bars) + 40}" '
                 'font-family="sans-serif" font-size="13">',
                 '<rect width="100%" height="100%" fill="white"/>',
                 f'<text x="8" y="20" font-weight="bold">{title}: {unit}</text>']
        for index, (label, value) in enumerate(bars):
            y, length = 34 + index * step, width * value / longest
            colour = "#d9622b" if ours in (None, label) else "#8aa0b4"
            lines += [f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{label}</text>',
                      f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar}" fill="{colour}"/>',
                      f'<text x="{left + length + 6:.1f}" y="{y + 14}">{value:.{0 if value >= 100 else 1}f}</text>']
        with open(os.path.join(self.docs, "images", name + ".svg"), "w") as file:
            file.write("\n".join(lines + ["</svg>\n"]))
        self.add(f"![{title}](images/{name}.svg)")

    def compare(self, comparison):
        output = os.path.join(self.work, comparison.name + ".json")
        command = [sys.executable, os.path.join(HERE, "compare.py"), self.run, self.model(comparison.model), "--json", output,
                   "--threads", str(comparison.threads), "--graph", self.graph(comparison.model)]
        subprocess.run(command + comparison.options, check=True)
        with open(output) as file:
            result = json.load(file)
        self.add(f"### {comparison.title}")
        self.plot(comparison.title, [(name, row["median_ms"]) for name, row in result.items()], "ms, less is better",
                  ours="csn-run")

        def optional(value, form):
            return "" if value is None else format(value, form)

        self.table(
            ["runtime", "median ms", "min ms", "times ours (10-90 %)", "memory MiB", "load and first run ms", "whole process ms",
             "largest difference / std"],
            [[name, f"{row['median_ms']:.2f}", f"{row['min_ms']:.2f}",
              f"{row['times_ours']:.2f} ({row['times_ours_10']:.2f}-{row['times_ours_90']:.2f})", f"{row['memory_mib']:.0f}",
              f"{row['load_and_first_run_ms']:.0f}", optional(row["process_ms"], ".0f"),
              optional(row["difference_over_std"], ".1e")] for name, row in result.items()])

    def benchmark(self, model, *options):
        answer = subprocess.run([self.run, model, "--benchmark", "--runs", "12", "--json", *options], check=True,
                                capture_output=True, text=True).stdout
        return json.loads(answer)

    def scaling(self):
        self.add("## Scaling")
        rows = []
        for network in ("resnet50", "googlenet"):
            graph = self.graph(f"{network}_b1.onnx")
            for threads in sorted({1, 2, THREADS}):
                figures = self.benchmark(graph, "--threads", str(threads))
                rows.append([network, 1, threads, f"{figures['median_ms']:.1f}", f"{figures['median_ms']:.1f}"])
            figures = self.benchmark(self.graph(f"{network}_b8.onnx"), "--threads", str(THREADS))
            rows.append([network, 8, THREADS, f"{figures['median_ms']:.1f}", f"{figures['median_ms'] / 8:.1f}"])
        self.table(["network", "batch", "threads", "median ms", "ms an image"], rows)
        rows = []
        for size in (256, 512, 1024):
            figures = self.benchmark(self.graph(f"ifcnn_{size}.onnx"), "--threads", str(THREADS))
            rows.append([f"{size}x{size}", f"{figures['median_ms']:.1f}", f"{figures['median_ms'] * 1e6 / size**2:.0f}",
                         f"{figures['arena_bytes'] / 2**20:.0f}", f"{figures['peak_rss_bytes'] / 2**20:.0f}"])
        self.table(["IFCNN, two images of", "median ms", "ns a pixel", "arena MiB", "peak MiB"], rows)

    def profiles(self):
        """Where a run's time goes, by operator and by shape."""
        self.add("## Profiles", "`csn-run MODEL --benchmark --profile trace.json`: where a run's time goes. Planned runs allocate nothing",
                 "(`SteadyStateTests`).")
        for network in ("resnet50", "googlenet"):
            answer = subprocess.run(
                [self.run, self.graph(f"{network}_b1.onnx"), "--benchmark", "--runs", "20", "--threads", str(THREADS),
                 "--profile", os.path.join(self.work, network + "-trace.json")], check=True, capture_output=True, text=True)
            self.add(f"### {network}", "", "```", (answer.stdout + answer.stderr).strip(), "```")

    def swept(self, threads):
        """Every shape's best of the sweeps, and the median of their medians."""
        sweeps = []
        for _ in range(SWEEPS):
            answer = subprocess.run([self.kernels, str(threads), "all", "json"], check=True, capture_output=True, text=True)
            sweeps.append([json.loads(line) for line in answer.stdout.splitlines()])
        shapes = []
        for rows in zip(*sweeps):
            best = min(rows, key=lambda row: row["ms"])
            shapes.append(best | {"share": min(row["bare_ms"] for row in rows) / best["ms"],
                                  "median_share": statistics.median(row["median_share"] for row in rows)})
        return shapes

    def shapes(self):
        self.add("## Kernels",
                 "Each convolution by itself, hot, in the algorithm that is picked for it. Rounds take turns with a loop of bare fused",
                 "multiply-adds, as many as the direct algorithm's: the share of the fp32 peak is the loop's time over the convolution's, the",
                 f"best of either in {SWEEPS} sweeps over all shapes, and in the median of the rounds. Winograd's and Strassen's algorithms do fewer.")
        for threads in sorted({1, THREADS}):
            lines = self.swept(threads)
            self.add(f"### {threads} thread{'s' if threads > 1 else ''}")
            self.table(
                ["network", "convolution", "side", "algorithm", "ms", "GFLOP/s", "share of peak", "median"],
                [[k["network"], f"{k['in']} to {k['out']}, {k['kernel']}x{k['kernel']} /{k['stride']}", k["size"], k["algorithm"],
                  f"{k['ms']:.3f}", f"{k['gflops']:.0f}", f"{100 * k['share']:.0f} %", f"{100 * k['median_share']:.0f} %"] for k in lines])
            if threads == 1:
                direct = [(f"{k['in']} to {k['out']} {k['kernel']}x{k['kernel']}/{k['stride']} @{k['size']}", 100 * k["share"])
                          for k in lines if k["network"] == "resnet50" and "winograd" not in k["algorithm"]]
                self.plot("ResNet50's direct and Strassen convolutions, 1 thread", direct, "% of fp32 peak")

    def write(self):
        name, has_bfloat16 = processor()
        versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
        self.add("# Performance")
        self.add(f"Measured by `make bench` on {datetime.date.today()}: {name}, {THREADS} cores; load average before the run "
                 f"{os.getloadavg()[0]:.1f}; {versions}.")
        self.add("Networks have their real topology and seeded random weights (`Benchmarks/models.py`). csn-run loads the `.graph` that",
                 "csn-convert makes of the ONNX model. Every round gives each runtime a turn; \"times ours\" is the median over the rounds of",
                 "(its time / csn-run's time in the same round): trust that, not the milliseconds. Memory is the process's peak; for rivals,",
                 "which run inside Python, what they took on top of their imports. A rival's whole process includes Python and its imports.")
        self.add("## Against other runtimes")
        for comparison in COMPARISONS + ([BFLOAT16] if has_bfloat16 else []):
            self.compare(comparison)
        if not has_bfloat16:
            self.add("This machine has no AVX512-BF16: `--precision bf16` says so, and OpenVINO's default is f32 here.")
        self.scaling()
        self.profiles()
        self.shapes()
        with open(os.path.join(self.docs, "performance.md"), "w") as file:
            file.write("\n".join(self.page))


if __name__ == "__main__":
    Report(*sys.argv[1:]).write()
