import GraphRuntime
import ONNXParse
import TensorFiles

/// Trained weights of CSN heads and decoders, by name.
enum HeadFile {
  /// Reads `.npz`, `.safetensors`, or the constants of an `.onnx` model.
  static func read(_ path: String) throws -> [String: Tensor] {
    switch path.pathExtension.lowercased() {
    case "npz": return try NPZ.read(from: path).dictionary
    case "safetensors": return try SafeTensors.read(from: path).dictionary
    case "onnx":
      let graph = try Graph(contentsOf: path)
      return graph.initializers.reduce(into: [:]) { $0[graph[$1.key].name] = $1.value }
    default: throw FileError(path, "is not .npz, .safetensors or .onnx")
    }
  }
}
