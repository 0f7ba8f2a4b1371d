import Glibc
import GraphRuntime
import ONNXParse

/// A model file to be written, its format told by its name.
struct ConversionOutput {
  enum Format { case graph, onnx }

  let path: String
  let format: Format

  init(_ path: String) throws {
    self.path = path
    switch path.pathExtension.lowercased() {
    case "graph": format = .graph
    case "onnx": format = .onnx
    default: throw CommandLineError("the output \(path) must end in .graph or .onnx")
    }
  }

  func write(_ graph: Graph) throws {
    switch format {
    case .graph: try GraphFile.write(graph, to: path)
    case .onnx: try Model(exporting: graph).write(to: path)
    }
  }

  var byteCount: Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Whether an existing file is a `.graph`, by its content.
  static func isGraphFile(_ path: String) throws -> Bool {
    GraphFile.isGraphFile(try ByteRegion(contentsOf: path))
  }
}
