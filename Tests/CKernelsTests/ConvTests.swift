import CKernels
import Testing

/// A convolution to test.
struct ConvCase: Sendable, CustomStringConvertible {
  var images = 1
  var inChannels = 16
  var outChannels = 32
  var groups = 1
  var kernel = (1, 1)
  var stride = (1, 1)
  var dilation = (1, 1)
  /// Top, left, bottom, right.
  var pads = (0, 0, 0, 0)
  var size = (5, 5)
  var residual = false
  var bounds: (Float, Float) = (-.infinity, .infinity)
  var bias = true
  var algorithm = CSN_CONV_AUTO
  var planar = false
  /// Whether the input has a halo wide enough.
  var halo = false
  /// Whether the padding holds the nearest pixels.
  var edge = false
  /// Whether the output's rows follow each other, without a halo between them.
  var dense = false
  /// Which tensors are paired.
  var paired: Pairing = []

  struct Pairing: OptionSet {
    let rawValue: Int
    static let input = Pairing(rawValue: 1)
    static let output = Pairing(rawValue: 2)
    static let residual = Pairing(rawValue: 4)
  }

  /// Whether products are of numbers rounded to bf16; and the levels that serve the case.
  var rounds: Bool { algorithm == CSN_CONV_BF16 || algorithm == CSN_CONV_PLANAR_BF16 }
  var levels: [csn_cpu_level] {
    if !paired.isEmpty || algorithm == CSN_CONV_PLANAR_BF16 {
      return availableLevels.filter { csn_cpu_level_has_amx($0) }
    }
    let needsPairs = rounds || algorithm == CSN_CONV_WINOGRAD2_BF16
    return needsPairs ? availableLevels.filter { csn_cpu_level_has_bf16($0) } : availableLevels
  }

  var description: String {
    let name = String(cString: csn_conv_algorithm_name(algorithm))
    let flags =
      (residual ? " +res" : "") + (halo ? " halo" : "") + (planar ? " planar" : "") + (edge ? " edge" : "")
      + (dense ? " dense" : "") + (paired.isEmpty ? "" : " paired \(paired.rawValue)")
    return
      "\(name) [\(images),\(inChannels),\(size.0),\(size.1)] -> \(outChannels), k\(kernel) s\(stride) d\(dilation) "
      + "p\(pads) g\(groups)\(flags)"
  }

  var conv: csn_conv {
    var conv = csn_conv_make(Int32(inChannels), Int32(outChannels), Int32(kernel.0), Int32(kernel.1))
    conv.groups = Int32(groups)
    (conv.stride_h, conv.stride_w) = (Int32(stride.0), Int32(stride.1))
    (conv.dilation_h, conv.dilation_w) = (Int32(dilation.0), Int32(dilation.1))
    (conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right) = (
      Int32(pads.0), Int32(pads.1), Int32(pads.2), Int32(pads.3)
    )
    (conv.lower, conv.upper) = bounds
    conv.padding = edge ? CSN_PAD_EDGE : CSN_PAD_CONSTANT
    return conv
  }

  var outSize: (Int, Int) {
    (
      (size.0 + pads.0 + pads.2 - (kernel.0 - 1) * dilation.0 - 1) / stride.0 + 1,
      (size.1 + pads.1 + pads.3 - (kernel.1 - 1) * dilation.1 - 1) / stride.1 + 1
    )
  }

  var weightCount: Int { outChannels * (inChannels / groups) * kernel.0 * kernel.1 }

  /// The place of an axis that is read for `place`; nil for zero.
  private func source(_ place: Int, _ extent: Int) -> Int? {
    if edge { return min(max(place, 0), extent - 1) }
    return (0..<extent).contains(place) ? place : nil
  }

  /// The convolution by its definition, in double precision: value and sum of the terms' magnitudes.
  func reference(_ x: [Float], _ w: [Float], _ b: [Float], _ residual: [Float]) -> [(Double, Double)] {
    let (oh, ow) = outSize
    let inGroup = inChannels / groups
    let outGroup = outChannels / groups
    var result: [(Double, Double)] = []
    result.reserveCapacity(images * outChannels * oh * ow)
    for n in 0..<images {
      for o in 0..<outChannels {
        for y in 0..<oh {
          for z in 0..<ow {
            var sum = bias ? Double(b[o]) : 0
            var magnitude = abs(sum)
            for c in 0..<inGroup {
              let channel = (n * inChannels + o / outGroup * inGroup + c) * size.0 * size.1
              for ky in 0..<kernel.0 {
                guard let iy = source(y * stride.0 - pads.0 + ky * dilation.0, size.0) else { continue }
                for kx in 0..<kernel.1 {
                  guard let ix = source(z * stride.1 - pads.1 + kx * dilation.1, size.1) else { continue }
                  let term =
                    Double(x[channel + iy * size.1 + ix])
                    * Double(w[((o * inGroup + c) * kernel.0 + ky) * kernel.1 + kx])
                  sum += term
                  magnitude += abs(term)
                }
              }
            }
            if self.residual { sum += Double(residual[result.count]) }
            result.append((min(Double(bounds.1), max(Double(bounds.0), sum)), magnitude))
          }
        }
      }
    }
    return result
  }
}

/// What a run of a case gave.
struct ConvRun {
  var status = CSN_OK
  var values: [Float] = []
  var isIntact = false
  var algorithm = CSN_CONV_AUTO
}

/// Runs a case at a level with a number of threads.
func run(_ test: ConvCase, level: csn_cpu_level, threads: Int, x: [Float], w: [Float], b: [Float], r: [Float])
  -> ConvRun
{
  var conv = test.conv
  let (oh, ow) = test.outSize
  let frame =
    test.halo
    ? (test.pads.0, test.pads.1, test.pads.2 + test.kernel.0, test.pads.3 + test.kernel.1) : (0, 0, 0, 0)
  var inTensor = csn_tensor_make(
    test.planar ? CSN_PLANAR : test.paired.contains(.input) ? CSN_PAIRED : CSN_BLOCKED, Int32(test.images),
    Int32(test.inChannels), Int32(test.size.0), Int32(test.size.1), Int32(frame.0), Int32(frame.1),
    Int32(frame.2), Int32(frame.3))
  let outFrame: (Int32, Int32) = test.dense ? (0, 0) : (1, 2)
  var outTensor = csn_tensor_make(
    test.paired.contains(.output) ? CSN_PAIRED : CSN_BLOCKED, Int32(test.images), Int32(test.outChannels),
    Int32(oh), Int32(ow), outFrame.0, 0, 0, outFrame.1)
  var residualTensor = csn_tensor_make(
    test.paired.contains(.residual) ? CSN_PAIRED : CSN_BLOCKED, Int32(test.images), Int32(test.outChannels),
    Int32(oh), Int32(ow), 0, 0, 0, 0)
  var options = csn_conv_default_options()
  options.level = level
  options.threads = Int32(threads)
  options.algorithm = test.algorithm
  var plan = csn_conv_plan()
  var result = ConvRun()
  result.status = csn_conv_plan_make(
    &plan, &conv, &inTensor, &outTensor, test.residual ? withUnsafePointer(to: &residualTensor) { $0 } : nil,
    &options)
  result.algorithm = plan.algorithm
  guard result.status == CSN_OK else { return result }
  let packed = Scratch(byteCount: plan.weight_count * 4)
  let weights = packed.pointer.assumingMemoryBound(to: Float.self)
  result.status = csn_conv_pack(plan.algorithm, &conv, w, weights)
  let bias = b + [Float](repeating: 0, count: plan.bias_count - b.count)
  let input = Memory(inTensor, values: x)
  let residual = Memory(residualTensor, values: r)
  let output = Memory(outTensor)
  let scratch = Scratch(byteCount: plan.scratch_bytes)
  withPool(threads: threads) { pool in
    csn_conv_run(
      &plan, input.first, weights, test.bias ? bias : nil, test.residual ? residual.first : nil, output.first,
      scratch.pointer, pool)
  }
  result.values = output.values
  result.isIntact = output.isIntact && input.isIntact && residual.isIntact && scratch.isIntact
  return result
}

/// Runs a case at every level and thread count, against the reference; `tolerance` is relative to the sum of the terms'
/// magnitudes. With `integers`, inputs are integers of three bits, and weights four times such: small sums of them are
/// exact in bf16.
func check(
  _ test: ConvCase, tolerance: Double, integers: Bool = false,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  var numbers = Numbers(seed: UInt64(test.inChannels * 31 + test.size.0))
  let (oh, ow) = test.outSize
  var x = numbers.array(test.images * test.inChannels * test.size.0 * test.size.1)
  var w = numbers.array(test.weightCount)
  if integers {
    x = x.map { ($0 * 4).rounded() }
    w = w.map { 4 * ($0 * 4).rounded() }
  }
  let b = numbers.array(test.outChannels)
  let r = numbers.array(test.images * test.outChannels * oh * ow)
  let added = test.paired.contains(.residual) ? r.map(roundedToBF16) : r
  let expected =
    test.rounds
    ? test.reference(x.map(roundedToBF16), w.map(roundedToBF16), b, added) : test.reference(x, w, b, added)
  // Rounding the output to eight bits moves it by half a unit of the last, 1/256 of it at most.
  let rounding = test.paired.contains(.output) ? 1.0 / 256 : 0
  for level in test.levels {
    var first: [Float]?
    for threads in [1, 2, 3] {
      let result = run(test, level: level, threads: threads, x: x, w: w, b: b, r: r)
      #expect(result.status == CSN_OK, "\(test)", sourceLocation: sourceLocation)
      #expect(result.isIntact, "\(test): wrote outside", sourceLocation: sourceLocation)
      guard result.values.count == expected.count else { return }
      let worst = zip(result.values, expected)
        .map { (abs(Double($0) - $1.0) - rounding * abs($1.0)) / max($1.1, 1) }
        .reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
      #expect(worst <= tolerance, "\(test) level \(level.rawValue)", sourceLocation: sourceLocation)
      if let first {
        #expect(first == result.values, "\(test): depends on threads", sourceLocation: sourceLocation)
      }
      first = first ?? result.values
    }
  }
}

@Suite struct ConvTests {
  static let pointwiseCases: [ConvCase] = [
    ConvCase(inChannels: 16, outChannels: 32, size: (1, 1)),
    ConvCase(inChannels: 17, outChannels: 5, size: (7, 7)),
    ConvCase(inChannels: 40, outChannels: 72, size: (13, 15), residual: true, bounds: (0, .infinity)),
    ConvCase(images: 3, inChannels: 33, outChannels: 48, size: (1, 1), bounds: (-0.5, 0.5)),
    ConvCase(images: 2, inChannels: 32, outChannels: 64, size: (28, 1), bias: false),
    ConvCase(inChannels: 32, outChannels: 64, stride: (2, 2), size: (14, 14)),
    ConvCase(inChannels: 20, outChannels: 33, stride: (3, 3), size: (15, 33)),
    ConvCase(images: 2, inChannels: 16, outChannels: 16, pads: (1, 1, 1, 1), size: (5, 5)),
    ConvCase(inChannels: 16, outChannels: 100, size: (5, 33), residual: true, halo: true),
    // Input channels that take several passes; and those of a thinned input, in whole chunks and a part.
    ConvCase(inChannels: 600, outChannels: 80, size: (5, 9), residual: true, bounds: (0, .infinity)),
    ConvCase(
      images: 2, inChannels: 530, outChannels: 48, stride: (2, 3), size: (9, 20), residual: true, halo: true),
    ConvCase(inChannels: 40, outChannels: 64, groups: 2, stride: (1, 2), size: (3, 9)),
  ]

  /// Planes that are one long row: runs of many tiles, of two sizes, also where sums wait between passes.
  static let densePointwiseCases: [ConvCase] =
    (pointwiseCases + [
      ConvCase(
        images: 2, inChannels: 600, outChannels: 48, size: (7, 14), residual: true, bounds: (0, .infinity)),
      ConvCase(inChannels: 64, outChannels: 80, size: (29, 31)),
    ]).map { test in
      var test = test
      test.dense = true
      return test
    }

  static let directCases: [ConvCase] = [
    ConvCase(inChannels: 16, outChannels: 32, kernel: (3, 3), pads: (1, 1, 1, 1), size: (7, 7), halo: true),
    ConvCase(
      inChannels: 24, outChannels: 40, kernel: (3, 3), pads: (1, 1, 1, 1), size: (14, 13), residual: true),
    ConvCase(
      images: 2, inChannels: 33, outChannels: 64, kernel: (3, 3), stride: (2, 2), pads: (1, 1, 1, 1),
      size: (28, 28),
      bounds: (0, 6)),
    ConvCase(inChannels: 16, outChannels: 20, kernel: (5, 5), pads: (2, 2, 2, 2), size: (15, 7), halo: true),
    ConvCase(inChannels: 16, outChannels: 32, kernel: (1, 7), pads: (0, 3, 0, 3), size: (5, 17)),
    ConvCase(inChannels: 16, outChannels: 32, kernel: (7, 1), pads: (3, 0, 3, 0), size: (17, 5)),
    ConvCase(
      inChannels: 18, outChannels: 32, kernel: (3, 3), dilation: (2, 3), pads: (2, 3, 2, 3), size: (13, 14)),
    ConvCase(inChannels: 16, outChannels: 32, kernel: (3, 3), pads: (0, 2, 1, 0), size: (9, 1)),
    ConvCase(
      inChannels: 16, outChannels: 32, kernel: (2, 2), stride: (2, 1), pads: (1, 0, 0, 1), size: (7, 6)),
    ConvCase(images: 2, inChannels: 16, outChannels: 32, kernel: (3, 3), stride: (1, 4), size: (9, 19)),
    ConvCase(images: 3, inChannels: 32, outChannels: 32, kernel: (3, 3), pads: (1, 1, 1, 1), size: (3, 3)),
    ConvCase(images: 3, inChannels: 48, outChannels: 32, kernel: (3, 3), pads: (1, 1, 1, 1), size: (3, 3)),
    ConvCase(inChannels: 16, outChannels: 16, kernel: (3, 3), stride: (2, 2), size: (4, 4)),
  ].map { test in
    var test = test
    test.algorithm = CSN_CONV_DIRECT
    return test
  }

  static let groupedCases: [ConvCase] = [
    ConvCase(inChannels: 32, outChannels: 64, groups: 2, kernel: (3, 3), pads: (1, 1, 1, 1), size: (7, 7)),
    ConvCase(inChannels: 24, outChannels: 48, groups: 3, size: (5, 5)),
    ConvCase(inChannels: 112, outChannels: 272, groups: 4, size: (3, 5), bounds: (0, .infinity)),
    ConvCase(inChannels: 64, outChannels: 64, groups: 16, kernel: (3, 3), pads: (1, 1, 1, 1), size: (6, 5)),
    ConvCase(inChannels: 96, outChannels: 12, groups: 4, size: (4, 4), residual: true),
    ConvCase(inChannels: 10, outChannels: 30, groups: 10, kernel: (3, 3), pads: (1, 1, 1, 1), size: (5, 5)),
  ]

  static let depthwiseCases: [ConvCase] = [
    ConvCase(
      inChannels: 16, outChannels: 16, groups: 16, kernel: (3, 3), pads: (1, 1, 1, 1), size: (15, 33),
      residual: true),
    ConvCase(
      images: 2, inChannels: 37, outChannels: 37, groups: 37, kernel: (3, 3), stride: (2, 2),
      pads: (1, 1, 1, 1),
      size: (14, 28), bounds: (0, 6)),
    ConvCase(
      inChannels: 24, outChannels: 24, groups: 24, kernel: (5, 3), dilation: (2, 2), pads: (4, 2, 4, 2),
      size: (5, 21)),
    ConvCase(inChannels: 5, outChannels: 5, groups: 5, kernel: (7, 7), pads: (3, 3, 3, 3), size: (1, 3)),
  ]

  static let planarCases: [ConvCase] = [
    ConvCase(
      inChannels: 3, outChannels: 64, kernel: (7, 7), stride: (2, 2), pads: (3, 3, 3, 3), size: (33, 61),
      bounds: (0, .infinity)),
    ConvCase(
      images: 2, inChannels: 3, outChannels: 33, kernel: (7, 7), pads: (3, 3, 3, 3), size: (15, 33),
      halo: true),
    ConvCase(
      inChannels: 3, outChannels: 16, kernel: (5, 5), stride: (2, 2), pads: (2, 2, 2, 2), size: (21, 40)),
    ConvCase(
      inChannels: 1, outChannels: 16, kernel: (3, 3), stride: (4, 4), pads: (0, 1, 1, 0), size: (13, 29)),
    ConvCase(inChannels: 4, outChannels: 40, kernel: (3, 5), dilation: (2, 2), size: (9, 17), residual: true),
    ConvCase(images: 4, inChannels: 3, outChannels: 7, size: (2, 2)),
  ].map { test in
    var test = test
    test.planar = true
    test.algorithm = CSN_CONV_PLANAR
    return test
  }

  /// The padded ones of the cases above, and others wider than kernel or input, with the nearest pixels around them.
  static let edgeCases: [ConvCase] = withEdges(
    [pointwiseCases, directCases, groupedCases, depthwiseCases, planarCases].flatMap(\.self),
    [
      ConvCase(inChannels: 20, outChannels: 33, kernel: (3, 3), pads: (3, 0, 1, 2), size: (1, 2), halo: true),
      ConvCase(
        images: 2, inChannels: 17, outChannels: 16, kernel: (5, 4), stride: (3, 2), pads: (2, 3, 0, 1),
        size: (4, 30),
        algorithm: CSN_CONV_DIRECT),
      ConvCase(
        images: 2, inChannels: 18, outChannels: 18, groups: 18, kernel: (3, 2), stride: (1, 2),
        pads: (3, 0, 2, 3),
        size: (2, 19), residual: true, halo: true),
      ConvCase(
        images: 2, inChannels: 3, outChannels: 20, kernel: (3, 3), stride: (2, 1), pads: (0, 3, 3, 2),
        size: (2, 35),
        planar: true, halo: true),
    ])

  private static func withEdges(_ cases: [ConvCase], _ more: [ConvCase]) -> [ConvCase] {
    (cases + more).filter { $0.pads != (0, 0, 0, 0) }.map { test in
      var test = test
      test.edge = true
      return test
    }
  }

  @Test(arguments: edgeCases) func edges(_ test: ConvCase) { check(test, tolerance: 1e-6) }

  // Rounding errors of a sum of products, relative to the sum of their magnitudes, stay far below 1e-6 at these depths.
  @Test(arguments: pointwiseCases + densePointwiseCases) func pointwise(_ test: ConvCase) {
    check(test, tolerance: 1e-6)
  }
  @Test(arguments: directCases) func direct(_ test: ConvCase) { check(test, tolerance: 1e-6) }
  @Test(arguments: groupedCases) func grouped(_ test: ConvCase) { check(test, tolerance: 1e-6) }
  @Test(arguments: depthwiseCases) func depthwise(_ test: ConvCase) { check(test, tolerance: 1e-6) }
  @Test(arguments: planarCases) func planar(_ test: ConvCase) { check(test, tolerance: 1e-6) }

  static let winogradCases: [ConvCase] = [
    ConvCase(inChannels: 16, outChannels: 32, kernel: (3, 3), pads: (1, 1, 1, 1), size: (7, 7)),
    ConvCase(
      inChannels: 20, outChannels: 40, kernel: (3, 3), pads: (1, 1, 1, 1), size: (14, 15), residual: true,
      bounds: (0, .infinity)),
    ConvCase(images: 3, inChannels: 33, outChannels: 16, kernel: (3, 3), size: (13, 5)),
    ConvCase(inChannels: 16, outChannels: 17, kernel: (3, 3), pads: (2, 0, 1, 2), size: (28, 33), halo: true),
    ConvCase(inChannels: 16, outChannels: 16, kernel: (3, 3), pads: (1, 1, 1, 1), size: (1, 1), bias: false),
    // By tiles on few threads and by frequency on more; by frequency on any.
    ConvCase(
      images: 2, inChannels: 128, outChannels: 128, kernel: (3, 3), pads: (1, 1, 1, 1), size: (5, 6),
      residual: true),
    ConvCase(inChannels: 250, outChannels: 256, kernel: (3, 3), pads: (1, 1, 1, 1), size: (5, 6)),
    // Input channels that take several passes, in either order; a single block of outputs, and one beside two.
    ConvCase(inChannels: 360, outChannels: 16, kernel: (3, 3), pads: (1, 1, 1, 1), size: (14, 11)),
    ConvCase(inChannels: 180, outChannels: 48, kernel: (3, 3), pads: (1, 1, 1, 1), size: (8, 11)),
    // Kernels in pieces of 3x3.
    ConvCase(
      images: 2, inChannels: 20, outChannels: 40, kernel: (5, 5), pads: (2, 2, 2, 2), size: (13, 9),
      residual: true, bounds: (0, .infinity)),
    ConvCase(inChannels: 16, outChannels: 32, kernel: (3, 7), pads: (0, 1, 1, 0), size: (6, 17), halo: true),
    ConvCase(inChannels: 33, outChannels: 64, kernel: (9, 4), pads: (1, 1, 2, 0), size: (12, 9)),
  ]

  // Planar input, by phases of the stride.
  static let planarWinogradCases: [ConvCase] =
    planarCases.filter { $0.dilation == (1, 1) } + [
      ConvCase(
        inChannels: 3, outChannels: 64, kernel: (9, 5), stride: (2, 1), pads: (4, 0, 3, 4), size: (18, 50)),
      ConvCase(
        images: 2, inChannels: 1, outChannels: 20, kernel: (11, 11), stride: (4, 4), pads: (2, 2, 2, 2),
        size: (23, 41), residual: true, halo: true),
      ConvCase(
        inChannels: 4, outChannels: 32, kernel: (12, 2), stride: (3, 4), pads: (9, 1, 0, 2), size: (30, 6)),
      ConvCase(inChannels: 2, outChannels: 32, stride: (4, 4), size: (5, 9)),
      // By tiles on few threads and by frequency on more.
      ConvCase(
        images: 2, inChannels: 4, outChannels: 128, kernel: (9, 9), pads: (4, 4, 4, 4), size: (7, 30),
        bias: false),
    ]

  @Test(arguments: planarWinogradCases + withEdges(planarWinogradCases, [])) func planarWinograd4(
    _ test: ConvCase
  ) {
    var test = test
    test.planar = true
    test.algorithm = CSN_CONV_PLANAR_WINOGRAD4
    check(test, tolerance: 2e-6)
  }

  @Test(arguments: planarWinogradCases + withEdges(planarWinogradCases, [])) func planarWinograd44(
    _ test: ConvCase
  ) {
    var test = test
    test.planar = true
    test.algorithm = CSN_CONV_PLANAR_WINOGRAD44
    // One channel's few products don't average out what the transforms of seven points magnify.
    check(test, tolerance: 8e-6)
  }

  static let winogradEdgeCases: [ConvCase] = withEdges(
    winogradCases,
    [
      ConvCase(inChannels: 16, outChannels: 16, kernel: (3, 3), pads: (3, 2, 3, 3), size: (1, 2), halo: true),
      ConvCase(
        images: 2, inChannels: 34, outChannels: 20, kernel: (3, 3), pads: (0, 3, 3, 0), size: (9, 16),
        residual: true,
        bounds: (-1, 2)),
    ])

  // The transforms' entries magnify rounding errors, the more the larger the tile.
  @Test(arguments: winogradCases + winogradEdgeCases) func winograd2(_ test: ConvCase) {
    var test = test
    test.algorithm = CSN_CONV_WINOGRAD2
    check(test, tolerance: 1e-6)
  }

  @Test func winogradByFrequencyInRounds() {
    check(
      ConvCase(
        inChannels: 256, outChannels: 272, kernel: (3, 3), pads: (1, 1, 1, 1), size: (22, 24),
        algorithm: CSN_CONV_WINOGRAD2), tolerance: 1e-6)
  }

  /// Each chunk's products fetch the input of the next.
  @Test func winogradOfALargeInput() {
    check(
      ConvCase(
        images: 2, inChannels: 16, outChannels: 16, kernel: (3, 3), pads: (1, 0, 1, 1), size: (130, 260),
        algorithm: CSN_CONV_WINOGRAD4), tolerance: 2e-6)
  }

  @Test(arguments: winogradCases + winogradEdgeCases) func winograd2BF16(_ test: ConvCase) {
    var test = test
    test.algorithm = CSN_CONV_WINOGRAD2_BF16
    check(test, tolerance: 1e-6, integers: true)
  }

  @Test(arguments: winogradCases + winogradEdgeCases) func winograd3(_ test: ConvCase) {
    var test = test
    test.algorithm = CSN_CONV_WINOGRAD3
    check(test, tolerance: 2e-6)
  }

  @Test(arguments: winogradCases + winogradEdgeCases) func winograd4(_ test: ConvCase) {
    var test = test
    test.algorithm = CSN_CONV_WINOGRAD4
    check(test, tolerance: 2e-6)
  }

  @Test(arguments: winogradCases + winogradEdgeCases) func winograd6(_ test: ConvCase) {
    var test = test
    test.algorithm = CSN_CONV_WINOGRAD6
    check(test, tolerance: 6e-6)
  }

  static let strassenCases: [ConvCase] = [
    ConvCase(inChannels: 32, outChannels: 64, size: (1, 1)),
    ConvCase(inChannels: 64, outChannels: 128, size: (7, 13), residual: true, bounds: (0, .infinity)),
    ConvCase(images: 2, inChannels: 96, outChannels: 64, size: (6, 8), bounds: (-0.5, 0.5), bias: false),
    // Rows that don't follow each other; pixels left out; both, with an odd number left.
    ConvCase(images: 2, inChannels: 64, outChannels: 64, size: (5, 33), residual: true, halo: true),
    ConvCase(inChannels: 32, outChannels: 192, stride: (2, 2), size: (28, 14)),
    ConvCase(
      images: 3, inChannels: 64, outChannels: 64, stride: (3, 2), size: (13, 18), residual: true, halo: true),
    // Several passes over the input channels, chunks of pixels, and chunks of panels.
    ConvCase(inChannels: 544, outChannels: 704, size: (14, 14), residual: true, bounds: (0, .infinity)),
    ConvCase(inChannels: 1056, outChannels: 64, size: (19, 17)),
  ].map { test in
    var test = test
    test.algorithm = CSN_CONV_STRASSEN
    return test
  }

  // Sums of two inputs and of two weights are larger than either, and so are their rounding errors.
  @Test(arguments: strassenCases) func strassen(_ test: ConvCase) { check(test, tolerance: 1e-6) }

  /// Large values far away leave small ones as exact as direct sums: only a pixel's neighbour shares its rounding errors.
  @Test func strassenMixesNeighboursAlone() {
    let test = ConvCase(
      inChannels: 64, outChannels: 64, size: (8, 8), bias: false, algorithm: CSN_CONV_STRASSEN)
    var numbers = Numbers(seed: 3)
    let pixels = 64
    // The last 32 pixels are 10,000 times as large.
    let x = numbers.array(64 * pixels).enumerated().map {
      $0.offset % pixels < 32 ? $0.element : 1e4 * $0.element
    }
    let w = numbers.array(test.weightCount)
    let none = [Float](repeating: 0, count: 64 * pixels)
    let expected = test.reference(x, w, [], none)
    for level in availableLevels {
      let result = run(test, level: level, threads: 1, x: x, w: w, b: [], r: none)
      let worst =
        zip(result.values, expected).map { abs(Double($0) - $1.0) / max($1.1, 1) }.max() ?? .infinity
      #expect(worst <= 1e-6, "level \(level.rawValue)")
    }
  }

  /// What no piece of 3x3 can serve, and staging that counts can't hold.
  @Test func winogradIsRefusedForOtherShapes() {
    func weights(
      _ algorithm: csn_conv_algorithm, channels: Int32, kernel: (Int32, Int32),
      _ change: (inout csn_conv) -> Void = { _ in }
    )
      -> Int
    {
      var conv = csn_conv_make(channels, 32, kernel.0, kernel.1)
      change(&conv)
      return csn_conv_weight_count(algorithm, &conv)
    }
    #expect(weights(CSN_CONV_WINOGRAD4, channels: 16, kernel: (9, 9)) == 36 * 9 * 16 * 32)
    #expect(weights(CSN_CONV_WINOGRAD4, channels: 16, kernel: (10, 3)) == 0)
    #expect(weights(CSN_CONV_WINOGRAD4, channels: 16, kernel: (2, 3)) == 0)
    #expect(weights(CSN_CONV_WINOGRAD4, channels: 16, kernel: (3, 3)) { $0.stride_w = 2 } == 0)
    #expect(weights(CSN_CONV_WINOGRAD4, channels: 16, kernel: (3, 3)) { $0.dilation_h = 2 } == 0)
    let planar = CSN_CONV_PLANAR_WINOGRAD4
    #expect(
      weights(planar, channels: 3, kernel: (7, 7)) { ($0.stride_h, $0.stride_w) = (2, 2) } == 36 * 32 * 32)
    #expect(
      weights(CSN_CONV_PLANAR_WINOGRAD44, channels: 3, kernel: (7, 7)) { ($0.stride_h, $0.stride_w) = (2, 2) }
        == 49 * 16 * 32)
    #expect(weights(planar, channels: 5, kernel: (3, 3)) == 0)
    #expect(weights(planar, channels: 3, kernel: (3, 13)) == 0)
    #expect(weights(planar, channels: 3, kernel: (5, 5)) { $0.stride_h = 5 } == 0)
    #expect(weights(planar, channels: 4, kernel: (3, 3)) { $0.groups = 2 } == 0)
    #expect(weights(planar, channels: 3, kernel: (3, 3)) { $0.dilation_w = 2 } == 0)
    var plan = csn_conv_plan()
    var conv = csn_conv_make(4, 32, 4, 4)
    (conv.stride_h, conv.stride_w) = (4, 4)
    var x = tensor(1 << 26, 4, (4, 4), CSN_PLANAR)
    var y = tensor(1 << 26, 32, (1, 1))
    var options = csn_conv_default_options()
    options.algorithm = planar
    #expect(csn_conv_plan_make(&plan, &conv, &x, &y, nil, &options) == CSN_INVALID)
  }

  @Test func strassenIsRefusedForOtherShapes() {
    var conv = csn_conv_make(64, 64, 1, 1)
    #expect(csn_conv_weight_count(CSN_CONV_STRASSEN, &conv) == 7 * 32 * 32)
    conv = csn_conv_make(48, 64, 1, 1)
    #expect(csn_conv_weight_count(CSN_CONV_STRASSEN, &conv) == 0)
    conv = csn_conv_make(64, 96, 1, 1)
    #expect(csn_conv_weight_count(CSN_CONV_STRASSEN, &conv) == 0)
    conv = csn_conv_make(64, 64, 1, 3)
    #expect(csn_conv_weight_count(CSN_CONV_STRASSEN, &conv) == 0)
    conv = csn_conv_make(64, 64, 1, 1)
    conv.groups = 2
    #expect(csn_conv_weight_count(CSN_CONV_STRASSEN, &conv) == 0)
    conv.groups = 1
    conv.pad_left = 1
    #expect(csn_conv_weight_count(CSN_CONV_STRASSEN, &conv) == 0)
  }

  static let bf16Cases: [ConvCase] =
    (pointwiseCases + densePointwiseCases + directCases).filter { $0.groups == 1 }.map { test in
      var test = test
      test.algorithm = CSN_CONV_BF16
      return test
    } + [
      // Weights too large for chunks that take all panels.
      ConvCase(inChannels: 512, outChannels: 512, size: (3, 5), algorithm: CSN_CONV_BF16),
      ConvCase(inChannels: 512, outChannels: 512, size: (3, 5), algorithm: CSN_CONV_BF16, dense: true),
    ]

  @Test(arguments: bf16Cases) func bf16(_ test: ConvCase) { check(test, tolerance: 1e-6) }

  /// Every tensor paired, and each mixture with blocked ones; halos that serve and such that are too narrow.
  static let pairedCases: [ConvCase] =
    bf16Cases.enumerated().map { index, test in
      var test = test
      test.paired = ConvCase.Pairing(rawValue: index % 7 + 1)
      return test
    }
    + [
      // Spans that overlap, in rows and in planes that are one long row.
      ConvCase(
        inChannels: 40, outChannels: 72, kernel: (3, 3), pads: (1, 1, 1, 1), size: (9, 51), residual: true,
        bounds: (0, .infinity), algorithm: CSN_CONV_BF16, halo: true, paired: [.input, .output, .residual]),
      ConvCase(
        images: 2, inChannels: 64, outChannels: 100, size: (7, 7), residual: true, bounds: (-1, 1),
        algorithm: CSN_CONV_BF16, dense: true, paired: [.input, .output, .residual]),
      ConvCase(
        inChannels: 33, outChannels: 17, stride: (2, 2), size: (14, 15), residual: true,
        algorithm: CSN_CONV_BF16, paired: [.input, .output]),
    ]

  static let pairedEdgeCases: [ConvCase] = [ConvCase.Pairing.input, .output].map { paired in
    ConvCase(
      images: 2, inChannels: 40, outChannels: 40, kernel: (3, 5), pads: (2, 2, 1, 3), size: (6, 9),
      algorithm: CSN_CONV_BF16, edge: true, paired: paired)
  }

  @Test(arguments: pairedCases + pairedEdgeCases) func paired(_ test: ConvCase) {
    check(test, tolerance: 1e-6)
  }

  static let planarBF16Cases: [ConvCase] =
    (planarCases.filter { $0.dilation == (1, 1) } + [
      // Kernel rows that take one tile row to the last place, and several; missing channels.
      ConvCase(inChannels: 4, outChannels: 33, kernel: (2, 8), size: (4, 40)),
      ConvCase(
        images: 2, inChannels: 1, outChannels: 20, kernel: (3, 11), stride: (2, 8), pads: (1, 5, 1, 5),
        size: (9, 90), residual: true, bounds: (0, .infinity)),
      ConvCase(inChannels: 2, outChannels: 64, kernel: (1, 32), size: (3, 40)),
      ConvCase(
        images: 2, inChannels: 3, outChannels: 64, kernel: (7, 7), pads: (3, 3, 3, 3), size: (5, 19),
        edge: true),
      // Windows of padding alone.
      ConvCase(inChannels: 3, outChannels: 32, kernel: (3, 3), pads: (4, 4, 0, 0), size: (3, 3), edge: true),
    ]).flatMap { test in
      [ConvCase.Pairing(), .output].map { paired in
        var test = test
        test.planar = true
        test.paired = paired
        test.algorithm = CSN_CONV_PLANAR_BF16
        return test
      }
    }

  @Test(arguments: planarBF16Cases) func planarBF16(_ test: ConvCase) { check(test, tolerance: 1e-6) }

  @Test func pairsAreRefusedWithoutTiles() {
    var plan = csn_conv_plan()
    var conv = csn_conv_make(32, 32, 1, 1)
    var (blocked, paired) = (tensor(1, 32, (4, 4)), tensor(1, 32, (4, 4), CSN_PAIRED))
    var options = csn_conv_default_options()
    for level in availableLevels {
      options.level = level
      let expected = csn_cpu_level_has_amx(level) ? CSN_OK : CSN_UNSUPPORTED
      #expect(csn_conv_plan_make(&plan, &conv, &paired, &paired, nil, &options) == expected)
      #expect(csn_conv_plan_make(&plan, &conv, &blocked, &paired, nil, &options) == expected)
      #expect(csn_conv_plan_make(&plan, &conv, &paired, &blocked, nil, &options) == expected)
    }
  }

  @Test func tilesAreChosenWhereRoundingIsAllowed() {
    var conv = csn_conv_make(64, 64, 3, 3)
    var (x, y) = (tensor(1, 64, (9, 9)), tensor(1, 64, (7, 7)))
    var stem = csn_conv_make(3, 64, 3, 3)
    var image = tensor(1, 3, (9, 9), CSN_PLANAR)
    var options = csn_conv_default_options()
    options.allow_bf16 = true
    for level in availableLevels where csn_cpu_level_has_amx(level) {
      options.level = level
      #expect(csn_conv_select(&conv, &x, &y, &options) == CSN_CONV_BF16)
      #expect(csn_conv_select(&stem, &image, &y, &options) == CSN_CONV_PLANAR_BF16)
    }
  }

  @Test func dotProductsAreChosenWhereRoundingIsAllowed() {
    var options = csn_conv_default_options()
    options.allow_bf16 = true
    for level in availableLevels where csn_cpu_level_has_bf16(level) && !csn_cpu_level_has_amx(level) {
      options.level = level
      func choice(_ channels: Int32, _ size: Int, kernel: Int32 = 3) -> csn_conv_algorithm {
        var conv = csn_conv_make(channels, channels, kernel, kernel)
        let pad = kernel / 2
        (conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right) = (pad, pad, pad, pad)
        var x = tensor(1, Int(channels), (size, size))
        return csn_conv_select(&conv, &x, &x, &options)
      }
      #expect(choice(512, 14, kernel: 1) == CSN_CONV_BF16)
      #expect(choice(64, 56) == CSN_CONV_WINOGRAD4)
      #expect(choice(256, 14) == CSN_CONV_WINOGRAD2_BF16)
      #expect(choice(512, 7) == CSN_CONV_WINOGRAD2_BF16)
    }
  }

  @Test func planarBF16IsRefusedForOtherShapes() {
    func weights(_ channels: Int32, _ kernel: (Int32, Int32), _ change: (inout csn_conv) -> Void = { _ in })
      -> Int
    {
      var conv = csn_conv_make(channels, 40, kernel.0, kernel.1)
      change(&conv)
      return csn_conv_weight_count(CSN_CONV_PLANAR_BF16, &conv)
    }
    #expect(weights(3, (7, 7)) == 2 * 7 * 16 * 32)
    #expect(weights(3, (2, 9)) == 2 * 2 * 2 * 16 * 32)
    #expect(weights(5, (7, 7)) == 0)
    #expect(weights(3, (7, 33)) == 0)
    #expect(weights(3, (7, 7)) { $0.stride_w = 9 } == 0)
    #expect(weights(3, (7, 7)) { $0.dilation_h = 2 } == 0)
  }

  @Test func bf16IsRefusedWhereTheProcessorHasNone() {
    var plan = csn_conv_plan()
    var conv = csn_conv_make(32, 32, 1, 1)
    var shape = tensor(1, 32, (4, 4))
    var options = csn_conv_default_options()
    options.level = CSN_CPU_PORTABLE
    options.algorithm = CSN_CONV_BF16
    #expect(csn_conv_plan_make(&plan, &conv, &shape, &shape, nil, &options) == CSN_UNSUPPORTED)
    var square = csn_conv_make(32, 32, 3, 3)
    (square.pad_top, square.pad_left, square.pad_bottom, square.pad_right) = (1, 1, 1, 1)
    options.algorithm = CSN_CONV_WINOGRAD2_BF16
    #expect(csn_conv_plan_make(&plan, &square, &shape, &shape, nil, &options) == CSN_UNSUPPORTED)
    options.algorithm = CSN_CONV_AUTO
    options.allow_bf16 = true
    #expect(csn_conv_plan_make(&plan, &conv, &shape, &shape, nil, &options) == CSN_OK)
    #expect(plan.algorithm == CSN_CONV_DIRECT)
  }

  /// Dot products know no frame but zeros.
  @Test func bf16ServesEdgesOnTilesAlone() {
    var conv = csn_conv_make(32, 32, 3, 3)
    (conv.padding, conv.pad_top) = (CSN_PAD_EDGE, 1)
    var (x, y) = (tensor(1, 32, (4, 4)), tensor(1, 32, (3, 2)))
    var options = csn_conv_default_options()
    (options.allow_bf16, options.winograd_limit) = (true, 0)
    var plan = csn_conv_plan()
    for level in availableLevels {
      (options.level, options.algorithm) = (level, CSN_CONV_AUTO)
      let onTiles = csn_cpu_level_has_amx(level)
      #expect(csn_conv_select(&conv, &x, &y, &options) == (onTiles ? CSN_CONV_BF16 : CSN_CONV_DIRECT))
      options.algorithm = CSN_CONV_BF16
      #expect(
        csn_conv_plan_make(&plan, &conv, &x, &y, nil, &options) == (onTiles ? CSN_OK : CSN_UNSUPPORTED))
    }
  }

  @Test func otherPaddingIsRefused() {
    var plan = csn_conv_plan()
    var conv = csn_conv_make(16, 16, 3, 3)
    var (x, y) = (tensor(1, 16, (8, 8)), tensor(1, 16, (6, 6)))
    for padding in [CSN_PAD_REFLECT, CSN_PAD_WRAP, csn_pad_mode(rawValue: 9)] {
      conv.padding = padding
      #expect(csn_conv_plan_make(&plan, &conv, &x, &y, nil, nil) == CSN_INVALID)
    }
  }

  @Test(arguments: pointwiseCases + directCases + groupedCases) func packingIsReversible(_ test: ConvCase) {
    var conv = test.conv
    var numbers = Numbers(seed: 7)
    let weights = numbers.array(test.weightCount)
    var packed = [Float](repeating: .nan, count: csn_conv_weight_count(CSN_CONV_DIRECT, &conv))
    var back = [Float](repeating: .nan, count: weights.count)
    #expect(csn_conv_pack(CSN_CONV_DIRECT, &conv, weights, &packed) == CSN_OK)
    #expect(csn_conv_unpack(CSN_CONV_DIRECT, &conv, packed, &back) == CSN_OK)
    #expect(back == weights)
  }

  @Test func selectionDependsOnTheShapeAlone() {
    func choice(
      _ inChannels: Int, _ outChannels: Int, _ size: Int, kernel: Int32 = 3, images: Int = 1,
      limit: Int32 = 6,
      level: csn_cpu_level,
      threads: Int32
    ) -> csn_conv_algorithm {
      var conv = csn_conv_make(Int32(inChannels), Int32(outChannels), kernel, kernel)
      let pad = (kernel - 1) / 2
      (conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right) = (pad, pad, pad, pad)
      var x = tensor(images, inChannels, (size, size), inChannels < 4 ? CSN_PLANAR : CSN_BLOCKED)
      var y = tensor(images, outChannels, (size, size))
      var options = csn_conv_default_options()
      (options.level, options.threads, options.winograd_limit) = (level, threads, limit)
      return csn_conv_select(&conv, &x, &y, &options)
    }
    for level in availableLevels {
      for threads: Int32 in [1, 2, 16] {
        // ResNet50's and GoogLeNet's, as measured.
        #expect(choice(64, 64, 56, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        #expect(choice(256, 256, 28, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        // Fewer weights from memory outweigh more products.
        #expect(choice(256, 256, 14, level: level, threads: threads) == CSN_CONV_WINOGRAD3)
        #expect(choice(256, 256, 14, images: 8, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        #expect(choice(512, 512, 7, level: level, threads: threads) == CSN_CONV_WINOGRAD2)
        #expect(choice(512, 512, 7, images: 8, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        #expect(choice(64, 3, 512, level: level, threads: threads) == CSN_CONV_DIRECT)
        #expect(choice(64, 64, 56, limit: 0, level: level, threads: threads) == CSN_CONV_DIRECT)
        // Large images pay for larger tiles.
        #expect(choice(64, 64, 1024, level: level, threads: threads) == CSN_CONV_WINOGRAD6)
        #expect(choice(64, 64, 1024, limit: 4, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        #expect(choice(64, 64, 224, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        #expect(choice(1024, 256, 14, kernel: 1, level: level, threads: threads) == CSN_CONV_STRASSEN)
        #expect(choice(1024, 256, 14, kernel: 1, limit: 0, level: level, threads: threads) == CSN_CONV_DIRECT)
        #expect(choice(256, 1024, 14, kernel: 1, level: level, threads: threads) == CSN_CONV_DIRECT)
        #expect(choice(2048, 512, 7, kernel: 1, level: level, threads: threads) == CSN_CONV_STRASSEN)
        #expect(choice(512, 2048, 7, kernel: 1, level: level, threads: threads) == CSN_CONV_DIRECT)
        #expect(choice(32, 96, 28, kernel: 5, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        #expect(choice(48, 128, 7, kernel: 5, level: level, threads: threads) == CSN_CONV_DIRECT)
        #expect(
          choice(48, 128, 7, kernel: 5, images: 8, level: level, threads: threads) == CSN_CONV_WINOGRAD4)
        #expect(choice(3, 64, 1024, kernel: 7, level: level, threads: threads) == CSN_CONV_PLANAR_WINOGRAD44)
        #expect(choice(3, 64, 56, level: level, threads: threads) == CSN_CONV_PLANAR)
        #expect(choice(3, 64, 1024, kernel: 7, limit: 2, level: level, threads: threads) == CSN_CONV_PLANAR)
      }
    }
  }

  @Test func refusesWhatDoesNotFit() {
    var plan = csn_conv_plan()
    var conv = csn_conv_make(16, 32, 3, 3)
    var x = csn_tensor_make(CSN_BLOCKED, 1, 16, 8, 8, 0, 0, 0, 0)
    var y = csn_tensor_make(CSN_BLOCKED, 1, 32, 6, 6, 0, 0, 0, 0)
    #expect(csn_conv_plan_make(&plan, &conv, &x, &y, nil, nil) == CSN_OK)
    var wrong = csn_tensor_make(CSN_BLOCKED, 1, 32, 7, 6, 0, 0, 0, 0)
    #expect(csn_conv_plan_make(&plan, &conv, &x, &wrong, nil, nil) == CSN_INVALID)
    wrong = csn_tensor_make(CSN_PLANAR, 1, 32, 6, 6, 0, 0, 0, 0)
    #expect(csn_conv_plan_make(&plan, &conv, &x, &wrong, nil, nil) == CSN_INVALID)
    var options = csn_conv_default_options()
    options.algorithm = CSN_CONV_PLANAR
    #expect(csn_conv_plan_make(&plan, &conv, &x, &y, nil, &options) == CSN_UNSUPPORTED)
    conv.groups = 3
    #expect(csn_conv_plan_make(&plan, &conv, &x, &y, nil, nil) == CSN_INVALID)
    conv = csn_conv_make(1 << 20, 1 << 20, 1 << 20, 1 << 20)
    #expect(csn_conv_weight_count(CSN_CONV_DIRECT, &conv) == 0)
    conv = csn_conv_make(0, 32, 3, 3)
    #expect(csn_conv_weight_count(CSN_CONV_DIRECT, &conv) == 0)
  }
}
