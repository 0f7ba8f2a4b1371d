"""Measures csn-run and its rivals in one interleaved run.

    compare.py CSN_RUN MODEL [--threads 2] [--rounds 10] [--burst 4] [--shape NAME=1x3x512x512] [--precision f32]
               [--rivals "ONNX Runtime,ncnn"] [--cold 3] [--graph FILE.graph] [--json FILE]

Every round gives each runtime one turn, in an order that rotates from round to round: untimed inferences and `burst`
timed ones. Ratios are taken round by round. With --graph, csn-run loads that file, made from MODEL by csn-convert.
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

from rivals import RIVALS, convert, peak_memory

OURS = "csn-run"
HERE = os.path.dirname(os.path.abspath(__file__))
# Rivals' threads spin for a while after a run: let them come to rest before the next turn.
REST_SECONDS = 0.15


def input_shapes(model, overrides):
    graph = onnx.load(model, load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    shapes = {}
    for value in graph.input:
        if value.name in weights:
            continue
        shape = overrides.get(value.name) or [d.dim_value for d in value.type.tensor_type.shape.dim]
        if 0 in shape:
            raise SystemExit(f"the shape of input {value.name} is open: give it with --shape")
        shapes[value.name] = shape
    return shapes


class Rival:
    """A runtime in a process of its own."""

    def __init__(self, name, arguments, folder):
        self.name = name
        self.output_path = os.path.join(folder, name.replace(" ", "_") + ".npy")
        inputs = os.path.join(folder, "inputs.npz")
        convert(name, arguments.model, dict(np.load(inputs)))
        environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads), PYTHONWARNINGS="ignore")
        command = [sys.executable, os.path.join(HERE, "rivals.py"), name, arguments.model, str(arguments.threads), inputs,
                   self.output_path]
        self.log = tempfile.TemporaryFile("w+")
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=environment)
        ready, _, figures = self.process.stdout.readline().partition(" ")
        self.process_ms = (time.perf_counter() - start) * 1e3
        if ready != "READY":
            self.log.seek(0)
            raise RuntimeError(f"{name} does not run this model: {self.log.read().strip().splitlines()[-1:]}")
        figures = json.loads(figures)
        self.load_ms, self.imports = figures["load_ms"], figures["imports_mib"]

    def output(self):
        return np.load(self.output_path)

    def turn(self, burst):
        self.process.stdin.write(f"RUN {burst}\n")
        self.process.stdin.flush()
        times = [float(t) for t in self.process.stdout.readline().split()]
        if not times:
            raise RuntimeError(f"{self.name} ended in the middle of the run")
        return times

    def close(self):
        """Ends the process; what it took on top of its imports, in MiB."""
        memory = peak_memory(self.process.pid)
        self.process.communicate("QUIT\n")
        return memory - self.imports


class Ours:
    """csn-run: a fresh process every turn, so that no cache stays warm that a user's process would not have."""

    name = OURS

    def __init__(self, arguments, folder, shapes):
        self.folder, self.memory, self.load_ms = folder, 0, 0
        self.base = [arguments.csn_run, arguments.graph or arguments.model, "--threads", str(arguments.threads)]
        if arguments.precision != "f32":
            self.base += ["--precision", arguments.precision]
        self.shapes = [f for name, shape in shapes.items() for f in ("--input-shape", f"{name}={'x'.join(map(str, shape))}")]
        inputs, outputs = os.path.join(folder, "inputs.npz"), os.path.join(folder, "ours.npz")
        start = time.perf_counter()
        subprocess.run(self.base + ["--inputs", inputs, "--outputs", outputs], check=True)
        self.process_ms = (time.perf_counter() - start) * 1e3

    def output(self):
        return next(iter(np.load(os.path.join(self.folder, "ours.npz")).values()))

    def turn(self, burst):
        answer = subprocess.run(self.base + self.shapes + ["--benchmark", "--runs", str(burst), "--warmup", "2", "--json"],
                                check=True, capture_output=True, text=True).stdout
        figures = json.loads(answer)
        self.memory = max(self.memory, figures["peak_rss_bytes"] / 2**20)
        self.load_ms = figures["load_ms"] + figures["median_ms"]
        # The least and otherwise the middle: what the program tells of its burst.
        return [figures["min_ms"]] + [figures["median_ms"]] * (burst - 1)

    def close(self):
        return self.memory


def started(name, arguments, folder, shapes):
    return Ours(arguments, folder, shapes) if name == OURS else Rival(name, arguments, folder)


def percentile(values, share):
    return float(np.percentile(values, share))


def measure(arguments):
    shapes = input_shapes(arguments.model, dict(arguments.shape))
    random = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(os.path.join(folder, "inputs.npz"), **{n: random.random(s, np.float32) for n, s in shapes.items()})
        runtimes = []
        for name in [OURS] + arguments.rivals:
            try:
                runtimes.append(started(name, arguments, folder, shapes))
            except RuntimeError as error:
                print(f"# {error}", file=sys.stderr)
        reference = next((r.output() for r in runtimes if r.name == "ONNX Runtime"), None)
        difference = {}
        for runtime in runtimes:
            output = runtime.output()
            if reference is None:
                continue
            if output.size != reference.size:
                raise SystemExit(f"{runtime.name} gives {output.shape}, ONNX Runtime {reference.shape}")
            gap = np.abs(output.reshape(-1) - reference.reshape(-1)).max() / reference.std()
            difference[runtime.name] = float(gap)
        times = {r.name: [] for r in runtimes}
        for number in range(arguments.rounds):
            first = number % len(runtimes)
            for runtime in runtimes[first:] + runtimes[:first]:
                time.sleep(REST_SECONDS)
                times[runtime.name].append(runtime.turn(arguments.burst))
        memory = {r.name: r.close() for r in runtimes}
        load = {r.name: r.load_ms for r in runtimes}
        process = {r.name: [] for r in runtimes}
        for _ in range(arguments.cold):
            for name in process:
                again = started(name, arguments, folder, shapes)
                process[name].append(again.process_ms)
                if name != OURS:
                    load[name] = min(load[name], again.load_ms)
                    again.close()
    rounds = {name: [statistics.median(burst) for burst in bursts] for name, bursts in times.items()}
    ratios = {name: [t / o for t, o in zip(rounds[name], rounds[OURS])] for name in rounds}
    return {
        name: {
            "median_ms": statistics.median(rounds[name]),
            "min_ms": min(min(burst) for burst in times[name]),
            "times_ours": statistics.median(ratios[name]),
            "times_ours_10": percentile(ratios[name], 10),
            "times_ours_90": percentile(ratios[name], 90),
            "memory_mib": memory[name],
            "load_and_first_run_ms": load[name],
            "process_ms": statistics.median(process[name]) if process[name] else None,
            "difference_over_std": difference.get(name),
        }
        for name in rounds
    }


def shape(text):
    name, extents = text.split("=")
    return name, [int(e) for e in extents.split("x")]


def text(value, form):
    return "-" if value is None else format(value, form)


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
    parser.add_argument("--graph")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    result = measure(arguments)
    print(f"{os.path.basename(arguments.model)}, {arguments.threads} thread(s), {arguments.rounds} rounds")
    print(f"{'runtime':18} {'median ms':>10} {'min ms':>9} {'x ours':>7} {'10-90 %':>11} {'memory MiB':>10} {'load+1 ms':>9} "
          f"{'process':>8} {'max|d|/std':>10}")
    for name, row in result.items():
        spread = f"{row['times_ours_10']:.2f}-{row['times_ours_90']:.2f}"
        print(f"{name:18} {row['median_ms']:10.2f} {row['min_ms']:9.2f} {row['times_ours']:7.2f} {spread:>11} "
              f"{row['memory_mib']:10.0f} {row['load_and_first_run_ms']:9.0f} {text(row['process_ms'], '8.0f'):>8} "
              f"{text(row['difference_over_std'], '10.1e'):>10}", flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
