/// GridSample-22: the input read at the places a grid gives, between its elements where need be.
enum GridSampling {
  static let operators: [Operator] = [
    Operator("GridSample", inputs: 2...2, infer: infer, kernel: floating(GridSampleKernel.self))
  ]

  /// X [N, C, d1, ..., dr], grid [N, e1, ..., er, r] -> [N, C, e1, ..., er].
  @Sendable private static func infer(_ inference: inout TypeInference) throws {
    guard let x = inference.shape(0), let grid = inference.shape(1) else {
      return inference.set(0, inference.elementType(0), nil)
    }
    guard x.count >= 3, grid.count == x.count, grid[grid.count - 1].value ?? (x.count - 2) == x.count - 2
    else {
      throw inference.mismatch("the grid must be [N, ..., \(x.count - 2)]")
    }
    if let a = x[0].value, let b = grid[0].value, a != b { throw inference.mismatch("the batches differ") }
    inference.set(0, inference.elementType(0), [x[0], x[1]] + Array(grid[1..<grid.count - 1]))
  }
}

/// How GridSample reads one axis.
private struct GridAxis: Sendable {
  enum Mode: String { case nearest, linear, cubic }
  enum Padding: String { case zeros, border, reflection }

  let mode: Mode
  let padding: Padding
  let alignsCorners: Bool
  let extent: Int

  /// The elements that make up the value at `position` (-1...1 spanning the axis), with their weights; nil for
  /// elements outside that count as 0.
  func taps(at position: Double) -> [(index: Int?, weight: Double)] {
    let size = Double(extent)
    var place = alignsCorners ? (position + 1) / 2 * (size - 1) : ((position + 1) * size - 1) / 2
    // Beyond this nothing but padding is met; a NaN reads like the start.
    place = place.isNaN ? 0 : min(max(place, -1e9), 1e9)
    if mode == .nearest { place = place.rounded(.toNearestOrEven) }
    if place < low || place > high {
      if padding == .border { place = min(max(place, 0), size - 1) }
      if padding == .reflection { place = reflected(place) }
    }
    let floor = place.rounded(.down)
    let (base, t) = (Int(floor), place - floor)
    switch mode {
    case .nearest: return [(index(Int(place)), 1)]
    case .linear: return [(index(base), 1 - t), (index(base + 1), t)]
    case .cubic: return Self.cubic(t).enumerated().map { (index(base - 1 + $0.offset), $0.element) }
    }
  }

  private var low: Double { alignsCorners ? 0 : -0.5 }
  private var high: Double { alignsCorners ? Double(extent) - 1 : Double(extent) - 0.5 }

  /// Mirrored at the ends of the axis as often as it takes.
  private func reflected(_ place: Double) -> Double {
    let range = high - low
    guard range > 0 else { return low }
    let distance = abs(place < low ? low - place : place - high)
    let times = (distance / range).rounded(.down)
    let rest = distance - times * range
    let isEven = times.truncatingRemainder(dividingBy: 2) == 0
    return (place < low) == isEven ? low + rest : high - rest
  }

  private func index(_ place: Int) -> Int? {
    if (0..<extent).contains(place) { return place }
    switch padding {
    case .zeros: return nil
    case .border: return min(max(place, 0), extent - 1)
    case .reflection: return min(max(Int(reflected(Double(place))), 0), extent - 1)
    }
  }

  /// Weights of four neighbours (Keys, 1981, with a = -0.75).
  private static func cubic(_ t: Double) -> [Double] {
    let a = -0.75
    func near(_ x: Double) -> Double { ((a + 2) * x - (a + 3)) * x * x + 1 }
    func far(_ x: Double) -> Double { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
  }
}

private enum GridSampleKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, grid, y) = (try builder.input(0), try builder.input(1), try builder.output())
    guard grid.elementType == x.elementType else { throw builder.unsupportedType(grid.elementType) }
    let rank = x.shape.count - 2
    let (modeName, paddingName) = (
      try builder.node.string("mode", default: "linear"),
      try builder.node.string("padding_mode", default: "zeros")
    )
    guard let mode = GridAxis.Mode(rawValue: modeName), let padding = GridAxis.Padding(rawValue: paddingName)
    else {
      throw GraphError(.invalidAttribute, "mode '\(modeName)' or padding_mode '\(paddingName)' is not known")
    }
    let aligns = try builder.node.flag("align_corners", default: false)
    let axes = x.shape[2...].map { GridAxis(mode: mode, padding: padding, alignsCorners: aligns, extent: $0) }
    let strides = Array(x.shape.rowMajorStrides[2...])
    let (plane, points) = (x.shape[2...].reduce(1, *), y.shape[2...].reduce(1, *))
    let (batch, channels) = (x.shape[0], x.shape[1])
    guard plane > 0 || y.count == 0 else { throw GraphError(.shapeMismatch, "there is nothing to sample") }
    builder.emit { memory in
      let source = memory.input(x, as: Element.self)
      let places = memory.input(grid, as: Element.self)
      let target = memory.output(y, as: Element.self)
      memory.forEachStretch(of: batch * points, weight: channels << (2 * rank)) {
        for point in $0 {
          let (image, index) = point.quotientAndRemainder(dividingBy: points)
          // The grid's coordinates count the axes from the last.
          var corners: [(offset: Int, weight: Double)] = [(0, 1)]
          for (axis, settings) in axes.enumerated() {
            let taps = settings.taps(at: Double(places[point * rank + rank - 1 - axis]))
            corners = corners.flatMap { corner in
              taps.compactMap { tap in
                tap.index.map { (corner.offset + $0 * strides[axis], corner.weight * tap.weight) }
              }
            }
          }
          for channel in 0..<channels {
            let base = source + (image * channels + channel) * plane
            var sum = 0.0
            for corner in corners { sum += Double(base[corner.offset]) * corner.weight }
            target[(image * channels + channel) * points + index] = Element(sum)
          }
        }
      }
    }
  }
}
