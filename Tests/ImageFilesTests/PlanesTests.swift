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
    #expect(image.resized(shorterSide: 4, croppedTo: 2, by: 2).samples == .eight([6, 7, 11, 12]))
  }

  /// Only the middle is computed, and it is the middle of the whole.
  @Test(arguments: [(50, 31, 16), (31, 50, 16), (9, 7, 40), (7, 9, 40), (8, 8, 8)])
  func theMiddleIsThatOfTheWhole(width: Int, height: Int, side: Int) throws {
    let image = sample(width: width, height: height, .rgb, bitDepth: 8)
    let scale = Double(side) / Double(min(width, height))
    func scaled(_ extent: Int) -> Int { Int((Double(extent) * scale).rounded(.toNearestOrEven)) }
    let (wide, high) = (scaled(width), scaled(height))
    guard case .eight(let whole) = image.resized(width: wide, height: high).samples else { return }
    let (left, top) = ((wide - side / 2) / 2, (high - side / 4) / 2)
    let expected = (top..<top + side / 4).flatMap { row -> ArraySlice<UInt8> in
      let start = 3 * (row * wide + left)
      return whole[start..<start + 3 * (side / 2)]
    }
    let cut = image.resized(shorterSide: side, croppedTo: side / 2, by: side / 4)
    #expect(cut.samples == .eight(expected))
  }

  /// A picture of one row would come to 268 million columns of 256.
  @Test func stripsTakeLittle() {
    let strip = Image(
      width: 1 << 20, height: 1, colorModel: .grey, samples: .eight([UInt8](repeating: 7, count: 1 << 20)))
    let column = Image(
      width: 1, height: 1 << 20, colorModel: .grey, samples: .eight([UInt8](repeating: 7, count: 1 << 20)))
    for image in [strip, column] {
      let cut = image.resized(shorterSide: 256, croppedTo: 224, by: 224)
      #expect(cut.samples == .eight([UInt8](repeating: 7, count: 224 * 224)))
    }
  }
}
