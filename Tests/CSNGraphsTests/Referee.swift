import GraphRuntime
import ONNXParse
import TensorFiles
import TestSupport

/// ONNX Runtime and onnx.checker as judges of exported graphs.
enum Referee {
  /// Checks an exported graph with onnx.checker, runs it in ONNX Runtime, and returns the outputs there.
  static func outputs(of graph: Graph, images: Tensor, names: [String]? = nil) throws -> [String: Tensor] {
    let folder = try TemporaryFolder()
    try Model(exporting: graph).write(to: folder.path("model.onnx"))
    var inputs = NamedTensors()
    _ = inputs.append(images, named: "images")
    try NPZ.write(inputs, to: folder.path("in.npz"))
    try Python.run(
      """
      import sys, numpy as np, onnx, onnxruntime as ort
      d, names = sys.argv[1], sys.argv[2:]
      onnx.checker.check_model(d + "/model.onnx", full_check=True)
      s = ort.InferenceSession(d + "/model.onnx", providers=["CPUExecutionProvider"])
      names = names or [o.name for o in s.get_outputs()]
      np.savez(d + "/out.npz", **dict(zip(names, s.run(names, dict(np.load(d + "/in.npz"))))))
      """, arguments: [folder.path] + (names ?? []))
    return try NPZ.read(from: folder.path("out.npz")).dictionary
  }
}
