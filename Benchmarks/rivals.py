"""One adapter a runtime. Each is a function (model path, threads, {input name: array}) -> run, where run() gives the first output.

As a program it is one runtime in a process of its own, driven by compare.py over stdin and stdout:

    rivals.py NAME MODEL THREADS INPUTS.npz OUTPUT.npy

It answers READY after the first output, then to `RUN n` with n times in milliseconds, until `QUIT`.
"""

import os
import subprocess
import sys
import time

import numpy as np


def onnxruntime(model, threads, inputs):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)[0]


def openvino(precision):
    def load(model, threads, inputs):
        import openvino as ov

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


def converted(model, suffix, command):
    """The rival's own form of `model`, made once beside it."""
    base = os.path.splitext(model)[0]
    if not os.path.exists(base + suffix):
        tool = os.path.join(os.path.dirname(sys.executable), command[0])
        subprocess.run([tool, *command[1:]], check=True, cwd=os.path.dirname(model), stdout=sys.stderr)
    return base


def ncnn(model, threads, inputs):
    import ncnn as library

    shapes = ",".join("[" + ",".join(map(str, a.shape)) + "]" for a in inputs.values())
    base = converted(model, ".ncnn.bin", ["pnnx", model, "inputshape=" + shapes, "fp16=0"])
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


def mnn(model, threads, inputs):
    import MNN.expr as expr
    import MNN.nn as nn
    import onnx

    base = converted(model, ".mnn", ["mnnconvert", "-f", "ONNX", "--modelFile", model, "--MNNModel", os.path.splitext(model)[0] + ".mnn", "--bizCode", "x"])
    output = onnx.load(model, load_external_data=False).graph.output[0].name
    manager = nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": threads},))
    network = nn.load_module_from_file(base + ".mnn", list(inputs), [output], runtime_manager=manager)
    variables = [expr.placeholder(list(array.shape), expr.NCHW) for array in inputs.values()]

    def run():
        for variable, array in zip(variables, inputs.values()):
            variable.write(array)
        result = network.forward(variables)
        result = result[0] if isinstance(result, (list, tuple)) else result
        if result.data_format == expr.NC4HW4:
            result = expr.convert(result, expr.NCHW)
        return np.array(result.read())

    return run


RIVALS = {
    "ONNX Runtime": onnxruntime,
    "OpenVINO f32": openvino("f32"),
    "OpenVINO default": openvino(None),
    "ncnn": ncnn,
    "MNN": mnn,
}


def worker(name, model, threads, inputs_path, output_path):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to stderr
    inputs = dict(np.load(inputs_path))
    run = RIVALS[name](model, int(threads), inputs)
    np.save(output_path, np.ascontiguousarray(run(), np.float32))
    print("READY", file=answers, flush=True)
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
