// Makes the pictures and the model that `make demo` uses; they are committed, and tests compare them with this.
//
//     swift run -c release make-models Models
import CSNGraphs
import Foundation
import GraphRuntime
import ImageFiles
import ONNXParse
import SampleScenes

let directory = CommandLine.arguments.dropFirst().first ?? "Models"
do {
  try writeSamples(to: directory + "/samples")
  let path = directory + "/analytic-fusion.onnx"
  try Model(exporting: FusionGraphBuilder.buildAnalytic().graph).write(to: path)
  print(path)
} catch {
  FileHandle.standardError.write(Data("make-models: error: \(error)\n".utf8))
  exit(1)
}

/// Draws the two sample pairs.
func writeSamples(to directory: String) throws {
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  let (width, height) = (480, 320)
  let focus = FocusScene.photographs(width: width, height: height)
  let night = NightScene.photographs(width: width, height: height)
  let pictures: [(String, Image.ColorModel, [UInt8])] = [
    ("flower-near", .rgb, focus.near), ("flower-far", .rgb, focus.far),
    ("street-infrared", .grey, night.infrared), ("street-visible", .rgb, night.visible),
  ]
  for (name, model, samples) in pictures {
    let image = Image(width: width, height: height, colorModel: model, samples: .eight(samples))
    try PNG.write(image, to: "\(directory)/\(name).png")
    print("\(directory)/\(name).png")
  }
}
