"""Measures csn-run and its rivals in one interleaved run.

    compare.py CSN_RUN MODEL [--threads 2] [--rounds 10] [--burst 4] [--shape NAME=1x3x512x512] [--precision f32]
               [--rivals "ONNX Runtime,ncnn"] [--cold 3] [--json FILE]

Every round gives each runtime one turn: an untimed inference and `burst` timed ones. Ratios are taken round by round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx

from rivals import RIVALS

OURS = "csn-run"
HERE = os.path.dirname(os.path.abspath(__file__))


def input_shapes(model, overrides):
    graph = onnx.load(model, load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    shapes = {}
    for value in graph.input:
        if value.name not in weights:
            shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
            shapes[value.name] = overrides.get(value.name, shape)
    return shapes


def peak_memory(pid):
    """The largest resident memory of a process so far, in MiB."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024


class Rival:
    """A runtime in a process of its own."""

    def __init__(self, name, arguments, folder):
        self.name = name
        self.output_path = os.path.join(folder, name.replace(" ", "_") + ".npy")
        environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads), PYTHONWARNINGS="ignore")
        command = [sys.executable, os.path.join(HERE, "rivals.py"), name, arguments.model, str(arguments.threads),
                   os.path.join(folder, "inputs.npz"), self.output_path]
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=environment)
        if self.process.stdout.readline().strip() != "READY":
            raise RuntimeError(f"{name} does not run this model")
        self.cold_ms = (time.perf_counter() - start) * 1e3

    def output(self):
        return np.load(self.output_path)

    def turn(self, burst):
        self.process.stdin.write(f"RUN {burst}\n")
        self.process.stdin.flush()
        return [float(t) for t in self.process.stdout.readline().split()]

    def close(self):
        memory = peak_memory(self.process.pid)
        self.process.communicate("QUIT\n")
        return memory


class Ours:
    """csn-run: a fresh process every turn, so that no cache stays warm that a user's process would not have."""

    name = OURS

    def __init__(self, arguments, folder, shapes):
        self.folder, self.memory = folder, 0
        self.base = [arguments.csn_run, arguments.model, "--threads", str(arguments.threads)]
        if arguments.precision != "f32":
            self.base += ["--precision", arguments.precision]
        self.shapes = [f for name, shape in shapes.items() for f in ("--input-shape", f"{name}={'x'.join(map(str, shape))}")]
        start = time.perf_counter()
        subprocess.run(self.base + ["--inputs", os.path.join(folder, "inputs.npz"), "--outputs", os.path.join(folder, "ours.npz")],
                       check=True)
        self.cold_ms = (time.perf_counter() - start) * 1e3

    def output(self):
        return next(iter(np.load(os.path.join(self.folder, "ours.npz")).values()))

    def turn(self, burst):
        answer = subprocess.run(self.base + self.shapes + ["--benchmark", "--runs", str(burst), "--warmup", "2", "--json"],
                                check=True, capture_output=True, text=True).stdout
        figures = json.loads(answer)
        self.memory = max(self.memory, figures["peak_rss_bytes"] / 2**20)
        return [figures["median_ms"]] * burst

    def close(self):
        return self.memory


def measure(arguments):
    shapes = input_shapes(arguments.model, dict(arguments.shape))
    random = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(os.path.join(folder, "inputs.npz"), **{n: random.random(s, np.float32) for n, s in shapes.items()})
        runtimes = [Ours(arguments, folder, shapes)]
        for name in arguments.rivals:
            try:
                runtimes.append(Rival(name, arguments, folder))
            except Exception as error:
                print(f"# {error}", file=sys.stderr)
        cold = {r.name: [r.cold_ms] for r in runtimes}
        reference = next((r.output() for r in runtimes if r.name == "ONNX Runtime"), None)
        difference = {}
        for runtime in runtimes:
            ours = runtime.output()
            if reference is not None and ours.size == reference.size:
                difference[runtime.name] = float(np.abs(ours.reshape(-1) - reference.reshape(-1)).max() / reference.std())
        times = {r.name: [] for r in runtimes}
        for _ in range(arguments.rounds):
            for runtime in runtimes:
                times[runtime.name].append(runtime.turn(arguments.burst))
        memory = {r.name: r.close() for r in runtimes}
        for _ in range(arguments.cold):
            cold[OURS].append(Ours(arguments, folder, shapes).cold_ms)
            for runtime in runtimes[1:]:
                again = Rival(runtime.name, arguments, folder)
                cold[runtime.name].append(again.cold_ms)
                again.close()
    rounds = {name: [statistics.median(burst) for burst in bursts] for name, bursts in times.items()}
    return {
        name: {
            "median_ms": statistics.median(rounds[name]),
            "min_ms": min(min(burst) for burst in times[name]),
            "times_slower_than_us": statistics.median(t / o for t, o in zip(rounds[name], rounds[OURS])),
            "peak_rss_mib": memory[name],
            "cold_start_ms": statistics.median(cold[name]),
            "difference_over_std": difference.get(name),
        }
        for name in rounds
    }


def shape(text):
    name, extents = text.split("=")
    return name, [int(e) for e in extents.split("x")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csn_run")
    parser.add_argument("model", type=os.path.abspath)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--burst", type=int, default=4)
    parser.add_argument("--shape", type=shape, action="append", default=[])
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--rivals", type=lambda text: text.split(","), default=list(RIVALS))
    parser.add_argument("--cold", type=int, default=0)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    result = measure(arguments)
    print(f"{os.path.basename(arguments.model)}, {arguments.threads} thread(s), {arguments.rounds} rounds")
    print(f"{'runtime':18} {'median ms':>10} {'min ms':>9} {'x ours':>7} {'peak MiB':>9} {'cold ms':>8} {'max|d|/std':>11}")
    for name, row in result.items():
        gap = row["difference_over_std"]
        print(f"{name:18} {row['median_ms']:10.2f} {row['min_ms']:9.2f} {row['times_slower_than_us']:7.2f} "
              f"{row['peak_rss_mib']:9.0f} {row['cold_start_ms']:8.0f} {gap if gap is None else format(gap, '11.1e')}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
