import ONNXParse

/// Pooling over regions of interest (ONNX RoiAlign-22, MaxRoiPool-22).
enum RegionPooling {
  static let operators: [Operator] = [
    Operator(
      "RoiAlign", inputs: 3...3, infer: { try inferAlign(&$0) }, kernel: floating(RegionAlignKernel.self)),
    Operator(
      "MaxRoiPool", inputs: 2...2, infer: { try inferPool(&$0) }, kernel: floating(MaximumKernel.self)),
  ]

  private static func inferAlign(_ inference: inout TypeInference) throws {
    let (height, width) = (
      try inference.node.int("output_height", default: 1), try inference.node.int("output_width", default: 1)
    )
    try check(inference, columns: 4, [height, width])
    inference.set(
      0, inference.elementType(0),
      [
        inference.shape(1)?.first ?? .unknown, inference.shape(0)?[1] ?? .unknown, .fixed(height),
        .fixed(width),
      ])
  }

  private static func inferPool(_ inference: inout TypeInference) throws {
    let pooled = try inference.node.ints("pooled_shape") ?? []
    try check(inference, columns: 5, pooled)
    inference.set(
      0, inference.elementType(0),
      [inference.shape(1)?.first ?? .unknown, inference.shape(0)?[1] ?? .unknown] + Shape(pooled))
  }

  private static func check(_ inference: TypeInference, columns: Int, _ pooled: [Int]) throws {
    guard pooled.count == 2, pooled.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw GraphError(.invalidAttribute, "regions can't be pooled to \(pooled)")
    }
    guard inference.shape(0)?.count ?? 4 == 4 else {
      throw inference.mismatch("the input must have 4 axes [N, C, H, W]")
    }
    guard let regions = inference.shape(1) else { return }
    guard regions.count == 2, regions[1].value ?? columns == columns else {
      throw inference.mismatch("the regions must be [R, \(columns)]")
    }
    if columns == 4, let indices = inference.shape(2) {
      guard indices.count == 1, indices[0] == regions[0] || indices[0].value == nil || regions[0].value == nil
      else {
        throw inference.mismatch("there must be one batch index a region")
      }
    }
  }
}

/// A region in the coordinates of the input, cut into a grid of bins.
private struct Region {
  let image: Int
  let top, left, height, width: Double

  var isFinite: Bool { top.isFinite && left.isFinite && height.isFinite && width.isFinite }
}

private struct RegionAlignKernel: FloatingKernel {
  /// Samples of one bin along an axis, beyond which a region is not a region of the input.
  private static let mostSamples = 1 << 14
  /// Samples of one bin, beyond which it takes more than a few for each pixel.
  private static let mostSamplesOfBin = 1 << 16
  /// How many samples are placed at a time, to be taken from all channels.
  private static let batch = 1 << 10

  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, rois, indices, y) = (
      try builder.input(0), try builder.input(1), try builder.input(2), try builder.output()
    )
    guard indices.elementType == .int64, rois.elementType == Element.elementType else {
      throw builder.unsupportedType(rois.elementType)
    }
    let align = try Alignment(builder.node)
    let label = builder.node.label
    let (channels, pooled) = (y.shape[1], y.shape[2] * y.shape[3])
    let plane = x.shape[2] * x.shape[3]
    // Where the node does not say how many, a bin takes about a sample a pixel.
    let most = Double(max(Self.mostSamplesOfBin, 4 * plane))
    builder.emit { memory in
      let corners = memory.input(rois, as: Element.self)
      let images = memory.input(indices, as: Int64.self)
      var regions: [Region] = []
      for index in 0..<y.shape[0] {
        let region = align.region((0..<4).map { Double(corners[index * 4 + $0]) }, image: Int(images[index]))
        guard (0..<x.shape[0]).contains(region.image), region.isFinite,
          align.samples(region.height, y.shape[2]) <= Double(mostSamples),
          align.samples(region.width, y.shape[3]) <= Double(mostSamples),
          align.samples(region.height, y.shape[2]) * align.samples(region.width, y.shape[3]) <= most
        else { return memory.fail(label, "region \(index) is not one of the input") }
        regions.append(region)
      }
      let found = regions
      memory.parallel(y.shape[0] * pooled) { chunk, _ in
        let (index, bin) = (chunk / pooled, chunk % pooled)
        let region = found[index]
        let grid = align.grid(region, bins: (y.shape[2], y.shape[3]))
        let target = memory.output(y, as: Element.self) + index * channels * pooled + bin
        for channel in 0..<channels {
          target[channel * pooled] = align.takesMaximum && grid.count > 0 ? -.infinity : 0
        }
        for first in stride(from: 0, to: grid.count, by: batch) {
          let samples: [BilinearSample<Element>] = align.samples(
            first..<min(first + batch, grid.count), region, grid, bin / y.shape[3], bin % y.shape[3],
            input: (x.shape[2], x.shape[3]))
          for channel in 0..<channels {
            let source = memory.input(x, as: Element.self) + (region.image * channels + channel) * plane
            let sum = target[channel * pooled]
            target[channel * pooled] =
              align.takesMaximum
              ? samples.reduce(sum) { max($0, $1.products(source).max()) }
              : samples.reduce(sum) { $0 + $1.value(source) }
          }
        }
        guard !align.takesMaximum else { return }
        for channel in 0..<channels { target[channel * pooled] /= Element(max(grid.count, 1)) }
      }
    }
  }

  /// How the samples of a region's bins lie: rows and columns a bin, and a bin's extents.
  private struct Grid {
    let rows, columns: Int
    let height, width: Double
    var count: Int { rows * columns }
  }

  /// The attributes of RoiAlign.
  private struct Alignment {
    let takesMaximum: Bool
    let isHalfPixel: Bool
    let scale: Double
    let ratio: Int

    init(_ node: Node) throws {
      switch try node.string("mode", default: "avg") {
      case "avg": takesMaximum = false
      case "max": takesMaximum = true
      case let other: throw GraphError(.invalidAttribute, "mode '\(other)' is not known")
      }
      switch try node.string("coordinate_transformation_mode", default: "half_pixel") {
      case "half_pixel": isHalfPixel = true
      case "output_half_pixel": isHalfPixel = false
      case let other:
        throw GraphError(.invalidAttribute, "coordinate_transformation_mode '\(other)' is not known")
      }
      scale = Double(try node.float("spatial_scale", default: 1))
      ratio = try node.int("sampling_ratio", default: 0)
    }

    /// The region of corners x1, y1, x2, y2.
    func region(_ corners: [Double], image: Int) -> Region {
      let scaled = corners.map { $0 * scale - (isHalfPixel ? 0.5 : 0) }
      let least = isHalfPixel ? -Double.infinity : 1
      return Region(
        image: image, top: scaled[1], left: scaled[0], height: max(scaled[3] - scaled[1], least),
        width: max(scaled[2] - scaled[0], least))
    }

    /// How many samples a bin takes along an axis of `extent` in `bins` bins.
    func samples(_ extent: Double, _ bins: Int) -> Double {
      ratio > 0 ? Double(ratio) : max((extent / Double(bins)).rounded(.up), 0)
    }

    func grid(_ region: Region, bins: (Int, Int)) -> Grid {
      Grid(
        rows: Int(samples(region.height, bins.0)), columns: Int(samples(region.width, bins.1)),
        height: region.height / Double(bins.0), width: region.width / Double(bins.1))
    }

    /// A stretch of the samples of a bin.
    func samples<Element>(
      _ range: Range<Int>, _ region: Region, _ grid: Grid, _ row: Int, _ column: Int, input: (Int, Int)
    ) -> [BilinearSample<Element>] {
      range.map { sample in
        let (line, place) = sample.quotientAndRemainder(dividingBy: grid.columns)
        let y = region.top + grid.height * (Double(row) + (Double(line) + 0.5) / Double(grid.rows))
        let x =
          region.left + grid.width * (Double(column) + (Double(place) + 0.5) / Double(grid.columns))
        return BilinearSample(clampedAt: Element(y), Element(x), height: input.0, width: input.1)
      }
    }
  }
}

/// MaxRoiPool: regions [image, x1, y1, x2, y2], rounded to whole pixels; the maximum of each bin, 0 for empty bins.
private struct MaximumKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, rois, y) = (try builder.input(0), try builder.input(1), try builder.output())
    guard rois.elementType == Element.elementType else { throw builder.unsupportedType(rois.elementType) }
    let scale = Double(try builder.node.float("spatial_scale", default: 1))
    let label = builder.node.label
    let (channels, height, width) = (y.shape[1], x.shape[2], x.shape[3])
    builder.emit { memory in
      let given = memory.input(rois, as: Element.self)
      for index in 0..<y.shape[0] * 5 where !(abs(Double(given[index])) * max(abs(scale), 1) < 1e9) {
        return memory.fail(label, "region \(index / 5) is not one of the input")
      }
      for index in 0..<y.shape[0] where !(0..<x.shape[0]).contains(Int(given[index * 5])) {
        return memory.fail(label, "region \(index) is of image \(given[index * 5]) of \(x.shape[0])")
      }
      memory.parallel(y.shape[0] * channels) { chunk, _ in
        let (index, channel) = (chunk / channels, chunk % channels)
        let corners = (1..<5).map { Int((Double(given[index * 5 + $0]) * scale).rounded()) }
        let image = Int(given[index * 5])
        let source = memory.input(x, as: Element.self) + (image * channels + channel) * height * width
        let target = memory.output(y, as: Element.self) + chunk * y.shape[2] * y.shape[3]
        for row in 0..<y.shape[2] {
          let rows = bin(row, of: y.shape[2], from: corners[1], to: corners[3], extent: height)
          for column in 0..<y.shape[3] {
            let columns = bin(column, of: y.shape[3], from: corners[0], to: corners[2], extent: width)
            var best: Element?
            for line in rows {
              for place in columns {
                best = max(best ?? source[line * width + place], source[line * width + place])
              }
            }
            target[row * y.shape[3] + column] = best ?? 0
          }
        }
      }
    }
  }

  /// The pixels of bin `index` of `count` between two corners, both included.
  private static func bin(_ index: Int, of count: Int, from first: Int, to last: Int, extent: Int) -> Range<
    Int
  > {
    let size = Double(max(last - first + 1, 1)) / Double(count)
    let start = min(max(Int((Double(index) * size).rounded(.down)) + first, 0), extent)
    let end = min(max(Int((Double(index + 1) * size).rounded(.up)) + first, 0), extent)
    return start..<max(start, end)
  }
}
