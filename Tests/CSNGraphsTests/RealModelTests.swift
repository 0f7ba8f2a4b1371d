import Foundation
import GraphRuntime
import ONNXParse
import TensorFiles
import TestSupport
import Testing

@testable import CSNGraphs

@Suite("Real backbones", .needsShared, .needsPython, .serialized)
struct RealModelTests {
  static func backbone(_ name: String) throws -> Graph {
    try Graph(contentsOf: Shared.path("data/models/\(name).onnx"))
  }

  @Test("GoogLeNet and ResNet50's trunk are taken apart and judged right")
  func findsParts() throws {
    let googlenet = try Backbone(analyzing: Self.backbone("googlenet"))
    let classifier = try googlenet.classifier.get()
    #expect(classifier.features == 1024 && classifier.classes == 1000 && classifier.hasSoftmax)
    #expect(try googlenet.stem.get().shape == [64, 3, 7, 7])
    #expect(PreprocessingJudge.judge(googlenet).preprocessing == .caffe)
    let trunk = try Backbone(analyzing: Self.backbone("resnet50-trunk"))
    #expect(throws: CSNError.self) { try trunk.classifier.get() }
    #expect(PreprocessingJudge.judge(trunk).preprocessing == .caffe)
  }

  @Test("CSN v2 of GoogLeNet, untrained: classes survive, similarity separates, ONNX Runtime agrees")
  func csnOfGoogLeNet() throws {
    let built = try CSNBuilder.build(from: Self.backbone("googlenet"), options: CSNOptions(version: .v2))
    let folder = try TemporaryFolder()
    try Model(exporting: built.graph).write(to: folder.path("csn.onnx"))
    let printed = try Python.run(
      """
      import sys, json, numpy as np, onnx, onnxruntime as ort
      from PIL import Image
      folder, data = sys.argv[1:]
      onnx.checker.check_model(folder + "/csn.onnx", full_check=True)
      expected = json.load(open(data + "/labelled/expected.json"))["images"]
      def picture(name):
          im = Image.open(data + "/labelled/" + name).convert("RGB"); w, h = im.size; k = 256 / min(w, h)
          im = im.resize((max(256, round(w * k)), max(256, round(h * k))), Image.BILINEAR); w, h = im.size
          l, t = (w - 224) // 2, (h - 224) // 2
          return np.asarray(im.crop((l, t, l + 224, t + 224)), np.float32).transpose(2, 0, 1) / 255
      x = np.stack([picture(n) for n in expected])
      p, f, s = ort.InferenceSession(folder + "/csn.onnx").run(["probabilities", "features", "similarity"], {"images": x})
      np.savez(folder + "/in.npz", images=x[:2])
      np.savez(folder + "/out.npz", probabilities=p[:2], features=f[:2], similarity=s[:2, :2])
      kept = sum(e["googlenet"][0]["class"] in np.argsort(-q)[:5] for e, q in zip(expected.values(), p))
      cat = np.array(["cat" in e["subject"] for e in expected.values()])
      i, j = np.triu_indices(len(cat), 1)
      same, other = s[i, j][cat[i] & cat[j]], s[i, j][cat[i] != cat[j]]
      auc = (same[:, None] > other).mean() + 0.5 * (same[:, None] == other).mean()
      print(kept, auc, np.diag(s).min(), f.min())
      """, arguments: [folder.path, Shared.path("data")])
    let figures = printed.split(separator: " ").compactMap {
      Double($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    #expect(figures.count == 4)
    #expect(figures[0] >= 9, "\(figures[0]) of 13 keep their class among the first five")
    #expect(figures[1] >= 0.95, "ROC AUC \(figures[1])")
    #expect(figures[2] > 0.99)
    // The clearance of the feature layer was never used up.
    #expect(figures[3] > 3)
    let images = try #require(try NPZ.read(from: folder.path("in.npz"))["images"])
    try ExportTests.expectEqual(
      try Session(built.graph).run(["images": images]), try NPZ.read(from: folder.path("out.npz")).dictionary)
  }

  @Test("the fusion graph of both: pictures come back, ONNX Runtime agrees")
  func fusionOfBoth() throws {
    let built = try FusionGraphBuilder.build(from: [
      Self.backbone("resnet50-trunk"), Self.backbone("googlenet"),
    ])
    let folder = try TemporaryFolder()
    try Model(exporting: built.graph).write(to: folder.path("fusion.onnx"))
    let printed = try Python.run(
      """
      import sys, glob, numpy as np, onnx, onnxruntime as ort
      from PIL import Image
      folder, data = sys.argv[1:]
      onnx.checker.check_model(folder + "/fusion.onnx", full_check=True)
      s = ort.InferenceSession(folder + "/fusion.onnx")
      worst = 1.0
      for name in sorted(glob.glob(data + "/pairs/*/*_a.png")):
          x = np.asarray(Image.open(name).convert("RGB"), np.float32).transpose(2, 0, 1)
          for y in s.run(["fused", "fused_mean"], {"images": np.stack([x, x]) / np.float32(255)}):
              worst = min(worst, (abs(np.round(y[0] * 255) - x) <= 1).mean())
      x = np.stack([np.asarray(Image.open(data + "/pairs/multifocus/lytro01_%s.png" % c).convert("RGB"), np.float32)
                    .transpose(2, 0, 1)[:, 150:246, 100:212] / 255 for c in "ab"])
      np.savez(folder + "/in.npz", images=x)
      np.savez(folder + "/out.npz", **{o.name: s.run([o.name], {"images": x})[0] for o in s.get_outputs()})
      print(worst)
      """, arguments: [folder.path, Shared.path("data")])
    let worst = try #require(Double(printed.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(worst >= 0.999, "\(worst) of the pixels within one grey level")
    let images = try #require(try NPZ.read(from: folder.path("in.npz"))["images"])
    try ExportTests.expectEqual(
      try Session(built.graph).run(["images": images]), try NPZ.read(from: folder.path("out.npz")).dictionary)
  }
}
