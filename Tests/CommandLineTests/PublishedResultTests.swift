import Foundation
import ImageFiles
import TensorFiles
import TestSupport
import Testing

/// What real models make of real pictures, beside what others published or measured.
@Suite(.needsShared, .needsOptimizedBuild, .serialized) struct PublishedResultTests {
  private func csnRun(_ folder: TemporaryFolder, _ arguments: [String]) throws -> ProcessResult {
    try runExecutable("csn-run", arguments, in: folder)
  }

  /// IFCNN's published pictures; the bounds are the issue's.
  @Test(arguments: [
    ("infrared/tno_camp", 2, "unit", 85.0), ("infrared/tno_octec", 2, "unit", 85),
    ("medical/c01", 2, "unit", 85),
    ("medical/c02", 2, "unit", 85), ("multifocus/lytro01", 2, "imagenet", 48),
    ("multifocus/lytro05", 2, "imagenet", 48), ("multifocus/lytro3_01", 3, "imagenet", 48),
  ]) func ifcnn(set: String, count: Int, preprocess: String, bound: Double) throws {
    let folder = try TemporaryFolder()
    let pictures = "abc".prefix(count).map { Shared.path("data/pairs/\(set)_\($0).png") }
    let model = Shared.path("data/models/ifcnn-max-\(count)in.onnx")
    let result = try csnRun(
      folder, [model] + pictures + ["-o", "out.png", "--preprocess", preprocess, "--rounding", "truncate"])
    #expect(result.status == 0, "\(result.errors)")
    let name = set.split(separator: "/")[1]
    let expected = try PNG.read(from: Shared.path("data/references/ifcnn/\(name).png"))
    let decibels = try psnr(PNG.read(from: folder.path("out.png")), expected)
    #expect(decibels >= bound, "\(name): \(decibels) dB")
  }

  private func psnr(_ a: Image, _ b: Image) throws -> Double {
    #expect(a.width == b.width && a.height == b.height && a.colorModel == b.colorModel)
    guard case .eight(let a) = a.samples, case .eight(let b) = b.samples else { return 0 }
    let error = zip(a, b).reduce(0.0) { $0 + Double((Int($1.0) - Int($1.1)) * (Int($1.0) - Int($1.1))) }
    return 10 * log10(255 * 255 * Double(a.count) / error)
  }

  private struct Expected: Decodable {
    struct Picture: Decodable { let googlenet: [Prediction] }
    struct Prediction: Decodable {
      let `class`: Int
      let label: String
      let probability: Double
    }

    let images: [String: Picture]
  }

  private struct Summary: Decodable {
    struct Prediction: Decodable {
      let label: String
      let index: Int
      let probability: Double
    }

    let classes: [[Prediction]]
  }

  /// GoogLeNet's first five classes of each photograph, beside ONNX Runtime's.
  @Test(.needsPython) func googLeNet() throws {
    let folder = try TemporaryFolder()
    let text = try Data(contentsOf: URL(filePath: Shared.path("data/labelled/expected.json")))
    let expected = try JSONDecoder().decode(Expected.self, from: text).images.sorted { $0.key < $1.key }
    try Python.run(
      """
      import sys
      from PIL import Image
      folder, *paths = sys.argv[1:]
      for index, path in enumerate(paths):
          Image.open(path).convert("RGB").save(f"{folder}/{index}.png")
      """, arguments: [folder.path] + expected.map { Shared.path("data/labelled/\($0.key)") })
    let result = try csnRun(
      folder,
      [Shared.path("data/models/googlenet.onnx")] + expected.indices.map { "\($0).png" }
        + ["--preprocess", "caffe", "--classes", Shared.path("data/models/imagenet-classes.txt"), "--json"])
    #expect(result.status == 0, "\(result.errors)")
    let found = try JSONDecoder().decode(Summary.self, from: Data(result.output.utf8)).classes
    for (found, (name, expected)) in zip(found, expected) {
      #expect(found.map(\.index) == expected.googlenet.map(\.class), "\(name)")
      #expect(found.map(\.label) == expected.googlenet.map(\.label), "\(name)")
      for (a, b) in zip(found, expected.googlenet) {
        #expect(abs(a.probability - b.probability) <= 1e-4, "\(name): \(b.label)")
      }
    }
  }

  /// SqueezeNet's recorded outputs, within 1e-3 relative.
  @Test(arguments: 0..<3) func squeezeNet(set: Int) throws {
    let folder = try TemporaryFolder()
    let recorded = try NPZ.read(from: Shared.path("data/models/squeezenet1.1-io/\(set).npz"))
    try NPZ.write(["data": #require(recorded["data"])], to: folder.path("x.npz"))
    let result = try csnRun(
      folder, [Shared.path("data/models/squeezenet1.1.onnx"), "--inputs", "x.npz", "--outputs", "y.npz"])
    #expect(result.status == 0, "\(result.errors)")
    let name = "squeezenet0_flatten0_reshape0"
    let found = try #require(NPZ.read(from: folder.path("y.npz"))[name]).elements(Float.self)
    let expected = try #require(recorded[name]).elements(Float.self)
    let scale = expected.map(abs).max() ?? 0
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-3 * scale })
  }
}
