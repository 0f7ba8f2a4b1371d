import Testing

@testable import ONNXParse

@Suite struct PathTests {
  @Test(arguments: [
    ("a/b.c/model.v1.onnx", "a/b.c", "model.v1.onnx", "onnx", "a/b.c/model.v1"),
    ("/x.graph", "/", "x.graph", "graph", "/x"), ("plain", ".", "plain", "", "plain"),
    ("a.b/plain", "a.b", "plain", "", "a.b/plain"), ("d/.onnx", "d", ".onnx", "", "d/.onnx"),
    ("x.", ".", "x.", "", "x"), ("", ".", "", "", ""),
  ])
  func parts(of path: String, folder: String, name: String, suffix: String, stem: String) {
    #expect(path.parentFolder == folder && path.lastPathPart == name)
    #expect(path.pathExtension == suffix && path.deletingPathExtension == stem)
  }
}
