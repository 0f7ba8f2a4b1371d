"""One adapter a runtime. Each is a function (model path, threads, {input name: array}) -> run, where run() gives the first
output; `convert`, where a runtime has one, makes its own form of the model ahead.

As a program it is one runtime in a process of its own, driven by compare.py over stdin and stdout:

    rivals.py NAME MODEL THREADS INPUTS.npz OUTPUT.npy

It answers READY with its figures as JSON after the first output, then to `RUN n` with n times in milliseconds, until `QUIT`.
"""

import hashlib
import json
import os
import subprocess
import sys
import time

import numpy as np


def onnxruntime():
    import onnxruntime as ort

    def load(model, threads, inputs):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, inputs)[0]

    return load


def openvino(precision):
    def imported():
        import openvino as ov

        def load(model, threads, inputs):
            core = ov.Core()
            network = core.read_model(model)
            network.reshape({name: list(array.shape) for name, array in inputs.items()})
            config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
            if precision:
                config["INFERENCE_PRECISION_HINT"] = precision
            request = core.compile_model(network, "CPU", config).create_infer_request()
            for name, array in inputs.items():
                request.set_tensor(name, ov.Tensor(array, shared_memory=True))

            def run():
                request.infer()
                return request.get_output_tensor(0).data

            return run

        return load

    return imported


def ncnn():
    import ncnn as library

    def load(model, threads, inputs):
        base = conversion(model, inputs)
        network = library.Net()
        network.opt.num_threads = threads
        for option in ("use_fp16_storage", "use_fp16_packed", "use_fp16_arithmetic"):
            setattr(network.opt, option, False)
        network.load_param(base + ".ncnn.param")
        network.load_model(base + ".ncnn.bin")
        images = [library.Mat(array, batch_index=0).clone() for array in inputs.values()]

        def run():
            with network.create_extractor() as extractor:
                for index, image in enumerate(images):
                    extractor.input(f"in{index}", image)
                return extractor.extract("out0")[1].numpy(batch_index=0)

        return run

    return load


def mnn():
    import MNN.expr as expr
    import MNN.nn as nn

    def load(model, threads, inputs):
        base = conversion(model, inputs)
        with open(base + ".output") as file:
            output = file.read()
        manager = nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": threads},))
        network = nn.load_module_from_file(base + ".mnn", list(inputs), [output], runtime_manager=manager)
        variables = [expr.placeholder(list(array.shape), expr.NCHW) for array in inputs.values()]
        for variable, array in zip(variables, inputs.values()):
            variable.write(array)

        def run():
            result = network.forward(variables)
            result = result[0] if isinstance(result, (list, tuple)) else result
            if result.data_format == expr.NC4HW4:
                result = expr.convert(result, expr.NCHW)
            return np.array(result.read())

        return run

    return load


RIVALS = {
    "ONNX Runtime": onnxruntime,
    "OpenVINO f32": openvino("f32"),
    "OpenVINO default": openvino(None),
    "ncnn": ncnn,
    "MNN": mnn,
}


def conversion(model, inputs):
    """Where a rival's own form of `model` lies: named by the model's bytes and the shapes, so that neither is mixed up."""
    with open(model, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(repr([(name, array.shape) for name, array in inputs.items()]).encode())
    return os.path.join(os.path.dirname(model), "converted_" + digest.hexdigest()[:16])


def convert(name, model, inputs):
    """Makes the form that a rival loads, where it has one of its own, once."""
    base = conversion(model, inputs)
    tools = os.path.dirname(sys.executable)

    def call(*command):
        subprocess.run([os.path.join(tools, command[0]), *command[1:]], check=True, cwd=os.path.dirname(model),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    if name == "ncnn" and not os.path.exists(base + ".ncnn.bin"):
        shapes = ",".join("[" + ",".join(map(str, a.shape)) + "]" for a in inputs.values())
        if not os.path.exists(base + ".onnx"):
            os.symlink(model, base + ".onnx")
        call("pnnx", base + ".onnx", "inputshape=" + shapes, "fp16=0")
    if name == "MNN" and not os.path.exists(base + ".mnn"):
        import onnx

        with open(base + ".output", "w") as file:
            file.write(onnx.load(model, load_external_data=False).graph.output[0].name)
        call("mnnconvert", "-f", "ONNX", "--modelFile", model, "--MNNModel", base + ".mnn", "--bizCode", "x")


def peak_memory(process="self"):
    """The largest resident memory of a process so far, in MiB."""
    with open(f"/proc/{process}/status") as status:
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024


def worker(name, model, threads, inputs_path, output_path):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to stderr
    inputs = dict(np.load(inputs_path))
    load = RIVALS[name]()
    before, start = peak_memory(), time.perf_counter()
    run = load(model, int(threads), inputs)
    output = run()
    figures = {"load_ms": (time.perf_counter() - start) * 1e3, "imports_mib": before}
    np.save(output_path, np.ascontiguousarray(output, np.float32))
    print("READY", json.dumps(figures), file=answers, flush=True)
    for line in sys.stdin:
        command, *count = line.split()
        if command == "QUIT":
            break
        run()
        times = []
        for _ in range(int(count[0])):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        print(*times, file=answers, flush=True)
    os._exit(0)  # some runtimes hang in their destructors


if __name__ == "__main__":
    worker(*sys.argv[1:])
