"""Writes the test suite of the ONNX standard to a folder: python make-conformance-cases.py FOLDER.

The node cases come from the generators of the `onnx` package, the others from the files it ships. Every case gets
FOLDER/KIND/NAME with model.onnx (or a line in cases.json that says where it is) and test_data_set_K/input_J.pb,
output_J.pb. cases.json lists them with their tolerances and what each file holds (tensor, sequence or optional).
"""
import collections
import json
import os
import pathlib
import shutil
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests

RTOL, ATOL = 1e-3, 1e-7


def kind_of(type_proto):
    kind = type_proto.WhichOneof("value") if type_proto is not None else "tensor_type"
    return {"sequence_type": "sequence", "optional_type": "optional"}.get(kind, "tensor")


def proto_of(value, kind, type_proto):
    """The value as the proto that its file holds."""
    if isinstance(value, (onnx.TensorProto, onnx.SequenceProto, onnx.OptionalProto)):
        return value
    if kind == "sequence":
        return numpy_helper.from_list(list(value))
    if kind == "optional":
        element = type_proto.optional_type.elem_type.WhichOneof("value")
        if value is None:
            return onnx.OptionalProto()
        if element == "sequence_type":
            return numpy_helper.from_optional(list(value), dtype=onnx.OptionalProto.SEQUENCE)
        return numpy_helper.from_optional(np.asarray(value), dtype=onnx.OptionalProto.TENSOR)
    return numpy_helper.from_array(np.asarray(value))


def write_values(folder, prefix, values, types):
    kinds = []
    for index, value in enumerate(values):
        type_proto = types[index] if index < len(types) else None
        kind = kind_of(type_proto)
        proto = proto_of(value, kind, type_proto)
        kinds.append(kind)
        (folder / f"{prefix}_{index}.pb").write_bytes(proto.SerializeToString())
    return kinds


def operators_of(model):
    names = set()
    pending = [model.graph] + list(model.functions)
    while pending:
        for node in pending.pop().node:
            names.add(f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type)
            for attribute in node.attribute:
                pending += [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
    local = {f"{f.domain}.{f.name}" if f.domain not in ("", "ai.onnx") else f.name for f in model.functions}
    return sorted(names - local)


def entry(case, kind, folder, model):
    inputs = [i.type for i in model.graph.input if i.name not in {t.name for t in model.graph.initializer}]
    return {
        "name": case.name, "kind": kind, "folder": str(folder), "model": str(folder / "model.onnx"),
        "rtol": case.rtol if case.rtol is not None else RTOL, "atol": case.atol if case.atol is not None else ATOL,
        "operators": operators_of(model),
        "inputs": [kind_of(t) for t in inputs], "outputs": [kind_of(o.type) for o in model.graph.output],
        "sets": 1,
    }


def node_cases(root):
    for case in collect_testcases(None):
        folder = root / "node" / case.name
        item = entry(case, "node", folder, case.model)
        item["sets"] = len(case.data_sets)
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(case.model.SerializeToString())
        for number, (inputs, outputs) in enumerate(case.data_sets):
            data = folder / f"test_data_set_{number}"
            data.mkdir()
            item["inputs"] = write_values(data, "input", inputs, [i.type for i in case.model.graph.input])
            item["outputs"] = write_values(data, "output", outputs, [o.type for o in case.model.graph.output])
        yield item


def shipped_cases(kind):
    for case in load_model_tests(kind=kind):
        folder = pathlib.Path(case.model_dir)
        item = entry(case, kind, folder, onnx.load(folder / "model.onnx"))
        item["sets"] = len(list(folder.glob("test_data_set_*")))
        yield item


def light_cases(root):
    """Real networks with constant weights; the input counts up from 0 to 1, as the package's own runner makes it."""
    shipped = pathlib.Path(onnx.__file__).parent.parent
    for case in load_model_tests(kind="real"):
        folder = root / "light" / case.name
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        source = shipped / case.url
        model = onnx.load(source)
        item = entry(case, "light", folder, model)
        item["model"] = str(source)
        constants = {t.name for t in model.graph.initializer}
        inputs = [i for i in model.graph.input if i.name not in constants]
        for index, value in enumerate(inputs):
            shape = [d.dim_value if d.HasField("dim_value") else 1 for d in value.type.tensor_type.shape.dim]
            count = int(np.prod(shape))
            array = (np.arange(count).reshape(shape) / count).astype(np.float32)
            (data / f"input_{index}.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())
        for index in range(len(model.graph.output)):
            shutil.copy(f"{source.with_suffix('')}_output_{index}.pb", data / f"output_{index}.pb")
        yield item


def main(folder):
    warnings.simplefilter("ignore")
    root = pathlib.Path(folder).resolve()
    partial = root.with_name(root.name + f".{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    cases = list(node_cases(partial))
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        cases += shipped_cases(kind)
    cases += light_cases(partial)
    # The folder takes its name only when it is whole.
    text = json.dumps({"onnx": onnx.__version__, "cases": cases}, indent=1).replace(str(partial), str(root))
    (partial / "cases.json").write_text(text)
    shutil.rmtree(root, ignore_errors=True)
    partial.rename(root)
    counts = collections.Counter(case["kind"] for case in cases)
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))


main(sys.argv[1])
