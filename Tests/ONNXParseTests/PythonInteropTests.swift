import Testing

@testable import ONNXParse

/// What the onnx package writes, we read; what we write, it reads and accepts.
@Suite(.enabled(if: Python.isThere, "there is no .venv: run scripts/setup-venv.sh")) struct PythonInteropTests
{
  let folder = try! TemporaryFolder()

  @Test func theOnnxCheckerAcceptsWhatWeWrite() throws {
    try Samples.linear.write(to: folder.file("inline.onnx"))
    try Samples.linear.write(to: folder.file("external.onnx"), externalData: .external(threshold: 0))
    try Python.run(
      """
      import sys, onnx
      from onnx import numpy_helper
      for path in sys.argv[1:]:
        onnx.checker.check_model(path, full_check=True)
        model = onnx.load(path)
        assert numpy_helper.to_array(model.graph.initializer[0]).tolist() == [[0, 1, 2], [3, 4, 5]]
        assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
      """, folder.file("inline.onnx"), folder.file("external.onnx"))
  }

  /// One message of every kind with every field set, made from the package's own descriptors.
  @Test func everyFieldOfTheSchemaComesBackByteForByte() throws {
    try Python.run(
      """
      import sys, onnx
      from google.protobuf.descriptor import FieldDescriptor as F
      from onnx import onnx_data_pb2 as data

      # At most one of an attribute's or optional's values may be set: each is set in its turn.
      exclusive = {"AttributeProto": {"f", "i", "s", "t", "g", "sparse_tensor", "tp", "floats", "ints", "strings",
                                      "tensors", "graphs", "sparse_tensors", "type_protos"},
                   "OptionalProto": {"tensor_value", "sparse_tensor_value", "sequence_value", "map_value",
                                     "optional_value"},
                   "TensorProto": {"float_data", "int32_data", "string_data", "int64_data", "raw_data", "double_data",
                                   "uint64_data"}}
      turn = 0

      def value(field):
        if field.type in (F.TYPE_INT64, F.TYPE_INT32): return -(1 << 31) + field.number
        if field.type == F.TYPE_UINT64: return (1 << 64) - field.number
        if field.type in (F.TYPE_FLOAT, F.TYPE_DOUBLE): return field.number / 3
        if field.type == F.TYPE_ENUM: return field.enum_type.values[-1].number
        if field.type == F.TYPE_STRING: return field.name + " äöü"
        return bytes([0, 255, field.number])

      def fill(message, depth):
        global turn
        turn += 1
        own = turn
        name = message.DESCRIPTOR.name
        alternatives = sorted(exclusive.get(name, ()))
        for field in message.DESCRIPTOR.fields:
          group = alternatives or [f.name for f in (field.containing_oneof.fields if field.containing_oneof else ())]
          if field.name in group and field.name != group[own % len(group)]: continue
          if name == "TensorProto" and field.name == "data_location":
            message.data_location = 0
          elif field.type == F.TYPE_MESSAGE:
            if depth == 0: continue
            for _ in range(3 if field.is_repeated else 1):
              fill(getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name), depth - 1)
            if not field.is_repeated: getattr(message, field.name).SetInParent()
          elif field.is_repeated:
            getattr(message, field.name).extend([value(field)] * (own % 4))
          else:
            setattr(message, field.name, value(field) if own % 3 else value(field) * 0)

      for name, message, depth in (("model", onnx.ModelProto(), 6), ("sequence", data.SequenceProto(), 4),
                                   ("optional", data.OptionalProto(), 4), ("tensor", onnx.TensorProto(), 3)):
        for start in range(7 if name in ("tensor", "optional") else 1):
          turn = start
          copy = type(message)()
          fill(copy, depth)
          with open(f"{sys.argv[1]}/{name}{start}", "wb") as file:
            file.write(copy.SerializeToString(deterministic=True))
      """, folder.path)
    for name in folder.contents {
      let bytes = try ByteRegion(contentsOf: folder.file(name))
      let again: [UInt8] =
        switch name.prefix(5) {
        case "model": try Model(bytes: bytes).serialized()
        case "seque": try SequenceProto(bytes: bytes).serialized()
        case "optio": try OptionalProto(bytes: bytes).serialized()
        default: try TensorProto(bytes: bytes).serialized()
        }
      #expect(bytes.count > 10)
      #expect(ByteRegion(again) == bytes, "\(name)")
    }
    #expect(folder.contents.count == 16)
  }
}
