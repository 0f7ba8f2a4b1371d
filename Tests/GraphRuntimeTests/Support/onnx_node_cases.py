"""Prints the ONNX standard's node tests of some operators as JSON: python onnx_node_cases.py Conv MaxPool.

Each case: operator, name, attributes, inputs and outputs (element type, shape, raw bytes in base64; null where left out),
and the tolerances. Only cases of one node of the newest opset that is in this build of the `onnx` package.
"""
import base64
import json
import sys
import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def tensor(value):
    proto = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))
    if proto.data_type == onnx.TensorProto.STRING:
        raise ValueError("strings are not tested here")
    if not proto.HasField("raw_data"):
        proto = numpy_helper.from_array(numpy_helper.to_array(proto))
    return {"type": proto.data_type, "shape": list(proto.dims), "data": base64.b64encode(proto.raw_data).decode()}


def attribute(proto):
    value = helper.get_attribute_value(proto)
    kind = onnx.AttributeProto.AttributeType.Name(proto.type)
    if kind == "STRING":
        value = value.decode()
    elif kind == "INTS" or kind == "FLOATS":
        value = list(value)
    elif kind not in ("INT", "FLOAT"):
        raise ValueError(kind)
    return {"kind": kind, "value": value}


def main(operators):
    warnings.simplefilter("ignore")
    cases = []
    for case in collect_testcases(None):
        graph = case.model.graph
        if len(graph.node) != 1 or graph.node[0].op_type not in operators or graph.node[0].domain:
            continue
        node = graph.node[0]
        version = case.model.opset_import[0].version
        newest = onnx.defs.get_schema(node.op_type, 1000).since_version
        if version < newest:
            continue
        try:
            for inputs, outputs in case.data_sets:
                given, made = iter(inputs), iter(outputs)
                cases.append({
                    "operator": node.op_type,
                    "name": case.name,
                    "attributes": {a.name: attribute(a) for a in node.attribute},
                    "inputs": [tensor(next(given)) if name else None for name in node.input],
                    "outputs": [tensor(next(made)) if name else None for name in node.output],
                    "rtol": case.rtol, "atol": case.atol,
                })
        except ValueError as reason:
            print(f"{case.name}: {reason}", file=sys.stderr)
    json.dump(cases, sys.stdout)


main(sys.argv[1:])
