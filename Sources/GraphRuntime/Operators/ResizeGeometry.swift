import RealModule

/// The attributes of Resize, and how they map output positions to input positions (ONNX Resize-19).
struct ResizeAttributes {
  enum Mode: String { case nearest, linear, cubic }
  enum AspectRatio: String { case stretch, notLarger = "not_larger", notSmaller = "not_smaller" }
  enum Rounding: String {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor, ceil
  }
  enum Transformation: String {
    case halfPixel = "half_pixel"
    case halfPixelSymmetric = "half_pixel_symmetric"
    case pytorchHalfPixel = "pytorch_half_pixel"
    case alignCorners = "align_corners"
    case asymmetric
    case cropAndResize = "tf_crop_and_resize"
  }

  let mode: Mode
  let rounding: Rounding
  let transformation: Transformation
  let aspectRatio: AspectRatio
  let cubicCoefficient: Double
  let excludesOutside: Bool
  let antialias: Bool
  let extrapolation: Float
  let axes: [Int]?

  init(_ node: Node) throws {
    func choice<T: RawRepresentable<String>>(_ name: String, _ value: T) throws -> T {
      let text = try node.string(name, default: value.rawValue)
      guard let choice = T(rawValue: text) else {
        throw GraphError(.invalidAttribute, "\(name) '\(text)' is not known")
      }
      return choice
    }
    mode = try choice("mode", Mode.nearest)
    rounding = try choice("nearest_mode", Rounding.preferFloor)
    transformation = try choice("coordinate_transformation_mode", Transformation.halfPixel)
    aspectRatio = try choice("keep_aspect_ratio_policy", AspectRatio.stretch)
    cubicCoefficient = Double(try node.float("cubic_coeff_a", default: -0.75))
    excludesOutside = try node.flag("exclude_outside", default: false)
    antialias = try node.flag("antialias", default: false)
    extrapolation = try node.float("extrapolation_value", default: 0)
    axes = try node.ints("axes")
  }

  /// The axes that scales, sizes and roi speak of.
  func resizedAxes(rank: Int) throws -> [Int] {
    guard let axes else { return Array(0..<rank) }
    let normalized = axes.map { $0 < 0 ? $0 + rank : $0 }
    guard normalized.allSatisfy((0..<rank).contains), Set(normalized).count == axes.count else {
      throw GraphError(.invalidAttribute, "'axes' \(axes) does not fit an input of \(rank) axes")
    }
    return normalized
  }

  /// The extents and scales that `sizes` asks for, under the aspect ratio policy; one an axis in `sizes`' order.
  func resolve(sizes: [Int], input: [Int]) throws -> (extents: [Int], scales: [Double]) {
    guard sizes.count == input.count, sizes.allSatisfy({ $0 >= 0 && $0 <= Int(Int32.max) }) else {
      throw GraphError(.invalidInput, "'sizes' must hold \(input.count) extents, but is \(sizes)")
    }
    let scales = zip(sizes, input).map { $1 == 0 ? 1 : Double($0) / Double($1) }
    let common: Double?
    switch aspectRatio {
    case .stretch: common = nil
    case .notLarger: common = scales.min()
    case .notSmaller: common = scales.max()
    }
    guard let common else { return (sizes, scales) }
    return (input.map { Int(common * Double($0) + 0.5) }, input.map { _ in common })
  }

  /// The extent that an axis of `input` gets under `scale`, computed in single precision as the standard's shape
  /// inference does; nil where it is not representable.
  static func extent(_ input: Int, scale: Float) -> Int? {
    let extent = (Float(input) * scale).rounded(.down)
    return extent >= 0 && extent <= Float(Int32.max) ? Int(extent) : nil
  }
}

/// How one axis is resized.
struct ResizeAxis {
  let input: Int
  let output: Int
  let scale: Double
  /// The region of interest, in fractions of the input.
  let region: (start: Double, end: Double)

  /// Where in the input output position `x` falls.
  func position(_ x: Int, _ transformation: ResizeAttributes.Transformation) -> Double {
    let x = Double(x)
    // Not rounded: the standard's reference computes with the fractional width that the scale asks for.
    let width = scale * Double(input)
    switch transformation {
    case .halfPixel: return (x + 0.5) / scale - 0.5
    case .pytorchHalfPixel: return output > 1 ? (x + 0.5) / scale - 0.5 : 0
    case .asymmetric: return x / scale
    case .alignCorners: return width == 1 ? 0 : x * Double(input - 1) / (width - 1)
    case .halfPixelSymmetric:
      let offset = Double(input) / 2 * (1 - Double(output) / width)
      return offset + (x + 0.5) / scale - 0.5
    case .cropAndResize:
      let span = (region.end - region.start) * Double(input - 1)
      return region.start * Double(input - 1) + (width == 1 ? span / 2 : x * span / (width - 1))
    }
  }

  /// Whether the axis stays as it is.
  func isIdentity(_ transformation: ResizeAttributes.Transformation) -> Bool {
    input == output && abs(scale - 1) < 1e-9
      && (transformation != .cropAndResize || (region.start == 0 && region.end == 1))
  }

  /// The input index of every output index for nearest-neighbour resizing; -1 outside the region of interest.
  func nearest(_ attributes: ResizeAttributes) -> [Int] {
    if isIdentity(attributes.transformation) { return Array(0..<output) }
    return (0..<output).map { index in
      let x = position(index, attributes.transformation)
      if attributes.transformation == .cropAndResize, x < 0 || x > Double(input - 1) { return -1 }
      let rounded =
        switch attributes.rounding {
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        case .preferFloor: (x - 0.5).rounded(.up)
        case .preferCeil: (x + 0.5).rounded(.down)
        }
      return Int(min(max(rounded, 0), Double(input - 1)))
    }
  }

  /// The weighted inputs of every output for linear and cubic resizing.
  func taps(_ attributes: ResizeAttributes) -> ResizeTaps {
    let reach = attributes.mode == .linear ? 1.0 : 2.0
    // Downsampling with antialias stretches the filter.
    let stretch = attributes.antialias ? min(scale, 1) : 1
    let half = Int((reach / stretch).rounded(.up))
    let count = 2 * half
    var taps = ResizeTaps(count: count, indices: [], weights: [], outside: [])
    for index in 0..<output {
      let x = position(index, attributes.transformation)
      taps.outside.append(attributes.transformation == .cropAndResize && (x < 0 || x > Double(input - 1)))
      let first = Int(min(max(x, -1e9), 1e9).rounded(.up)) - half
      let positions = first..<first + count
      var weights = positions.map { filter((Double($0) - x) * stretch, attributes) }
      if attributes.excludesOutside {
        weights = zip(weights, positions).map { (0..<input).contains($1) ? $0 : 0 }
      }
      let sum = weights.reduce(0, +)
      taps.weights += weights.map { sum == 0 ? 0 : $0 / sum }
      taps.indices += positions.map { min(max($0, 0), input - 1) }
    }
    return taps
  }

  /// The interpolation filter at distance `x` (linear: a hat; cubic: Keys' kernel).
  private func filter(_ x: Double, _ attributes: ResizeAttributes) -> Double {
    let x = abs(x)
    if attributes.mode == .linear { return max(0, 1 - x) }
    let a = attributes.cubicCoefficient
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  }
}

/// The weighted input indices of every output index along one axis, `count` of them an output.
struct ResizeTaps: Sendable {
  let count: Int
  var indices: [Int]
  var weights: [Double]
  /// Outputs that lie outside the region of interest.
  var outside: [Bool]
}
