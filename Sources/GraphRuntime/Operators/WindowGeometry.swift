/// The window attributes that convolution and pooling share: kernel_shape, strides, dilations, pads, auto_pad.
struct WindowAttributes {
  enum AutoPad { case notSet, sameUpper, sameLower, valid }

  let kernel: [Int]
  let strides: [Int]
  let dilations: [Int]
  /// Begin of every axis, then end of every axis; zeros unless `autoPad` is `notSet`.
  let pads: [Int]
  let autoPad: AutoPad
  let ceilMode: Bool

  var rank: Int { kernel.count }

  /// Reads and checks the attributes of `node` for windows of `kernel`'s extents.
  /// - Throws: `GraphError` for lists of the wrong length and values out of range.
  init(_ node: Node, kernel: [Int]) throws {
    let rank = kernel.count
    func list(_ name: String, count: Int, minimum: Int, default value: Int) throws -> [Int] {
      guard let list = try node.ints(name), !list.isEmpty else {
        return [Int](repeating: value, count: count)
      }
      guard list.count == count, list.allSatisfy({ $0 >= minimum && $0 <= Self.largest }) else {
        throw GraphError(
          .invalidAttribute,
          "'\(name)' must hold \(count) values in \(minimum)...\(Self.largest), but is \(list)")
      }
      return list
    }
    guard rank > 0, kernel.allSatisfy({ $0 > 0 && $0 <= Self.largest }) else {
      throw GraphError(.invalidAttribute, "a window of extents \(kernel) is not possible")
    }
    guard let taps = kernel.elementCount, taps <= Self.mostTaps else {
      throw GraphError(.limitExceeded, "a window of extents \(kernel) is too large")
    }
    self.kernel = kernel
    strides = try list("strides", count: rank, minimum: 1, default: 1)
    dilations = try list("dilations", count: rank, minimum: 1, default: 1)
    switch try node.string("auto_pad", default: "NOTSET") {
    case "NOTSET", "": autoPad = .notSet
    case "SAME_UPPER": autoPad = .sameUpper
    case "SAME_LOWER": autoPad = .sameLower
    case "VALID": autoPad = .valid
    case let other: throw GraphError(.invalidAttribute, "auto_pad '\(other)' is not known")
    }
    pads =
      autoPad == .notSet
      ? try list("pads", count: 2 * rank, minimum: -Self.largest, default: 0)
      : [Int](repeating: 0, count: 2 * rank)
    ceilMode = try node.flag("ceil_mode", default: false)
  }

  /// Large enough for any window, small enough that products of two do not overflow.
  private static let largest = 1 << 30

  /// More than any network's windows have; tables by tap stay small.
  private static let mostTaps = 1 << 22

  /// The extent of the dilated window along `axis`.
  func reach(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

  /// How many windows fit along `axis` of an input of extent `input` (ONNX Conv-22, MaxPool-22).
  func outputExtent(_ axis: Int, input: Dimension) -> Dimension {
    let stride = strides[axis]
    switch autoPad {
    case .sameUpper, .sameLower: return .ceilDivide(input, by: stride)
    case .valid, .notSet: break
    }
    let span = input + .fixed(pads[axis] + pads[axis + rank] - reach(axis))
    guard ceilMode else { return .floorDivide(span, by: stride) + 1 }
    let count = Dimension.ceilDivide(span, by: stride) + 1
    if let input = input.value, let count = count.value {
      // The last window must start inside the input or the padding before it.
      return .fixed((count - 1) * stride >= input + pads[axis] ? count - 1 : count)
    }
    return pads[axis + rank] + stride <= reach(axis) ? count : .unknown
  }

  /// The spatial output extents for spatial input extents `input`.
  /// - Throws: a shape mismatch where the window is larger than the padded input.
  func outputShape(_ input: Shape) throws -> Shape {
    try input.indices.map { axis in
      let extent = outputExtent(axis, input: input[axis])
      if let value = extent.value, value < 0 || (value == 0 && input[axis].value != 0) {
        throw GraphError(
          .shapeMismatch,
          "a window of \(reach(axis)) does not fit into an extent of \(input[axis]) padded by "
            + "\(pads[axis]) and \(pads[axis + rank])")
      }
      return extent
    }
  }

  /// The padding before each axis, for concrete extents (auto_pad resolved).
  func padsBefore(input: [Int], output: [Int]) -> [Int] {
    input.indices.map { axis in
      let total = max((output[axis] - 1) * strides[axis] + reach(axis) - input[axis], 0)
      return switch autoPad {
      case .notSet: pads[axis]
      case .valid: 0
      case .sameUpper: total / 2
      case .sameLower: total - total / 2
      }
    }
  }

  /// The padding after each axis, for concrete extents (auto_pad resolved).
  func padsAfter(input: [Int], output: [Int]) -> [Int] {
    input.indices.map { axis in
      let total = max((output[axis] - 1) * strides[axis] + reach(axis) - input[axis], 0)
      return switch autoPad {
      case .notSet: pads[axis + rank]
      case .valid: 0
      case .sameUpper: total - total / 2
      case .sameLower: total / 2
      }
    }
  }
}

/// Windows over concrete extents: where each of them reads.
struct WindowGeometry: Sendable {
  let input: [Int]
  let output: [Int]
  let kernel: [Int]
  let strides: [Int]
  let dilations: [Int]
  let before: [Int]
  let after: [Int]
  /// The index along every axis of every tap, row-major over the window.
  private let tapIndices: [Int]

  init(_ attributes: WindowAttributes, input: [Int], output: [Int]) {
    self.init(
      input: input, output: output, kernel: attributes.kernel, strides: attributes.strides,
      dilations: attributes.dilations, before: attributes.padsBefore(input: input, output: output),
      after: attributes.padsAfter(input: input, output: output))
  }

  init(
    input: [Int], output: [Int], kernel: [Int], strides: [Int], dilations: [Int], before: [Int], after: [Int]
  ) {
    self.input = input
    self.output = output
    self.kernel = kernel
    self.strides = strides
    self.dilations = dilations
    self.before = before
    self.after = after
    tapIndices = (0..<kernel.reduce(1, *)).flatMap { Self.unravel($0, kernel) }
  }

  /// The index of tap `tap` along `axis`.
  func tap(_ tap: Int, _ axis: Int) -> Int { tapIndices[tap * kernel.count + axis] }

  /// Where the input row begins that tap `tap` of output row `row` reads; nil in the padding. Rows are counted over
  /// all axes but the last.
  func inputRow(_ row: Int, tap: Int) -> Int? {
    var rest = row
    var start = 0
    var step = input[rank - 1]
    for axis in (0..<rank - 1).reversed() {
      let position =
        rest % output[axis] * strides[axis] + self.tap(tap, axis) * dilations[axis] - before[axis]
      rest /= output[axis]
      guard position >= 0, position < input[axis] else { return nil }
      start += position * step
      step *= input[axis]
    }
    return start
  }

  var rank: Int { kernel.count }
  var inputCount: Int { input.reduce(1, *) }
  var outputCount: Int { output.reduce(1, *) }
  var taps: Int { kernel.reduce(1, *) }

  /// The output positions along `axis` whose tap `tap` falls inside the input.
  func validOutputs(_ axis: Int, tap: Int) -> Range<Int> {
    let offset = tap * dilations[axis] - before[axis]
    let stride = strides[axis]
    let first = offset >= 0 ? 0 : ceilDivide(-offset, stride)
    let last = input[axis] - 1 - offset
    let end = last < 0 ? 0 : min(output[axis], last / stride + 1)
    return first < end ? first..<end : 0..<0
  }

  /// The taps of window `position` along `axis` that fall inside the input.
  func validTaps(_ axis: Int, at position: Int) -> Range<Int> {
    let start = position * strides[axis] - before[axis]
    let dilation = dilations[axis]
    let first = start >= 0 ? 0 : ceilDivide(-start, dilation)
    let last = input[axis] - 1 - start
    let end = last < 0 ? 0 : min(kernel[axis], last / dilation + 1)
    return first < end ? first..<end : 0..<0
  }

  /// Calls `body` for every output row that tap `tap` reaches: the row, the input index that its output 0 would read
  /// (outputs follow at the last axis' stride), and the outputs whose read falls inside the input.
  @inline(__always)
  func forEachRow(tap: Int, _ body: (_ row: Int, _ source: Int, _ columns: Range<Int>) -> Void) {
    let last = rank - 1
    let columns = validOutputs(last, tap: self.tap(tap, last))
    guard !columns.isEmpty else { return }
    let shift = self.tap(tap, last) * dilations[last] - before[last]
    for row in 0..<outputCount / output[last] {
      if let start = inputRow(row, tap: tap) { body(row, start + shift, columns) }
    }
  }

  /// The index along each axis of the row-major position `index` in `extents`.
  static func unravel(_ index: Int, _ extents: [Int]) -> [Int] {
    var rest = index
    var result = extents
    for axis in extents.indices.reversed() {
      result[axis] = rest % max(extents[axis], 1)
      rest /= max(extents[axis], 1)
    }
    return result
  }
}
