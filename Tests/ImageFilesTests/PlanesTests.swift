import GraphRuntime
import TestSupport
import Testing

@testable import ImageFiles

@Suite struct PlanesTests {
  @Test(arguments: [Image.ColorModel.grey, .rgb], [8, 16]) func levelsComeBack(
    colorModel: Image.ColorModel, bitDepth: Int
  ) {
    let image = sample(width: 64, height: 48, colorModel, bitDepth: bitDepth)
    #expect(Image(Planes(image), bitDepth: bitDepth) == image)
  }

  @Test func alphaIsApart() throws {
    let image = sample(width: 8, height: 8, .rgba, bitDepth: 8)
    let alpha = try #require(Planes(alphaOf: image))
    #expect(Image(Planes(image), alpha: alpha) == image)
    #expect(Planes(alphaOf: sample(width: 8, height: 8, .rgb, bitDepth: 8)) == nil)
  }

  @Test func roundsAsToldAndClamps() {
    let values: [Float] = [-1, 0.5 / 255, 1.4 / 255, 1.6 / 255, 2, .nan, .infinity, -.infinity]
    let planes = Planes(width: 8, height: 1, count: 1, values: values)
    #expect(Image(planes).samples == .eight([0, 1, 1, 2, 255, 0, 255, 0]))
    #expect(Image(planes, rounding: .truncate).samples == .eight([0, 0, 1, 1, 255, 0, 255, 0]))
  }

  @Test func stacksIntoTensorsAndBack() throws {
    let pictures = [8, 16].map { Planes(sample(width: 5, height: 3, .rgb, bitDepth: $0)) }
    let tensor = Tensor(stacking: pictures)
    #expect(tensor.shape == [2, 3, 3, 5])
    #expect(tensor.elements(Float.self) == pictures[0].values + pictures[1].values)
    #expect(try Planes(tensor) == pictures[0])
    #expect(throws: GraphError.self) {
      try Planes(Tensor([Float](repeating: 0, count: 8), shape: [1, 2, 2, 2]))
    }
    #expect(throws: GraphError.self) { try Planes(Tensor([Float](), shape: [1, 3, 0, 2])) }
  }

  @Test func chromaSplitsAndJoins() {
    let picture = Planes(sample(width: 16, height: 16, .rgb, bitDepth: 8))
    let chroma = picture.chroma
    let joined = Planes(luma: picture.luma, blue: chroma.blue, red: chroma.red)
    for (a, b) in zip(joined.values, picture.values) { #expect(abs(a - b) < 1e-5) }
    let grey = Planes(sample(width: 4, height: 4, .grey, bitDepth: 8))
    #expect(grey.rgb.luma.values.elementsEqual(grey.values) { abs($0 - $1) < 1e-6 })
  }

  @Test func greyPicturesLeaveTheColorAlone() {
    let color = Planes(sample(width: 6, height: 6, .rgb, bitDepth: 8))
    let grey = Planes(sample(width: 6, height: 6, .grey, bitDepth: 8))
    let fused = Planes.fusedChroma(of: [grey, color])
    for (a, b) in zip(fused.blue, color.chroma.blue) { #expect(abs(a - b) < 1e-6) }
    for (a, b) in zip(fused.red, color.chroma.red) { #expect(abs(a - b) < 1e-6) }
    #expect(Planes.fusedChroma(of: [grey, grey]).blue.allSatisfy { $0 == 0 })
  }

  @Test func knowsGreyPictures() {
    #expect(sample(width: 3, height: 3, .greyAlpha, bitDepth: 8).isGrey)
    #expect(!sample(width: 3, height: 3, .rgb, bitDepth: 8).isGrey)
    #expect(Image(Planes(sample(width: 3, height: 3, .grey, bitDepth: 16)).rgb, bitDepth: 16).isGrey)
  }

  @Test(.needsPython, arguments: [(64, 48, 40, 30), (64, 48, 97, 71), (33, 57, 34, 224), (500, 3, 7, 3)])
  func resizesLikePillow(oldWidth: Int, oldHeight: Int, width: Int, height: Int) throws {
    let folder = try TemporaryFolder()
    let image = sample(width: oldWidth, height: oldHeight, .rgb, bitDepth: 8)
    try PNG.write(image, to: folder.path("a.png"))
    try Python.run(
      """
      import sys
      from PIL import Image
      source, target, width, height = sys.argv[1:]
      Image.open(source).resize((int(width), int(height)), Image.BILINEAR).save(target)
      """, arguments: [folder.path("a.png"), folder.path("b.png"), "\(width)", "\(height)"])
    let expected = try PNG.read(from: folder.path("b.png"))
    let same = image.resized(width: width, height: height).samples == expected.samples
    #expect(same)
  }

  @Test func cropsTheMiddle() {
    let image = Image(
      width: 5, height: 4, colorModel: .grey, samples: .eight((0..<20).map { UInt8($0) }))
    #expect(image.centerCropped(width: 2, height: 2).samples == .eight([6, 7, 11, 12]))
    #expect(image.resized(shorterSide: 8).width == 10)
    #expect(image.resized(shorterSide: 8).height == 8)
  }
}
