import GraphRuntime

/// A picture for arithmetic: one or three planes of floats, 0 black and 1 white, without alpha.
public struct Planes: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// 1 (grey) or 3 (red, green, blue).
  public let count: Int
  /// Plane after plane, row after row.
  public internal(set) var values: [Float]

  /// - Precondition: there are `count * height * width` values.
  public init(width: Int, height: Int, count: Int, values: [Float]) {
    precondition(values.count == count * width * height && (count == 1 || count == 3))
    self.width = width
    self.height = height
    self.count = count
    self.values = values
  }

  /// Samples a plane.
  public var area: Int { width * height }

  /// The plane at `index`.
  public subscript(plane index: Int) -> ArraySlice<Float> { values[index * area..<(index + 1) * area] }

  /// The same picture in three planes: a grey one is copied to each.
  public var rgb: Planes {
    count == 3 ? self : Planes(width: width, height: height, count: 3, values: values + values + values)
  }
}

// MARK: - Pictures

extension Planes {
  /// The colour of a picture, without its alpha channel, which is not multiplied in.
  public init(_ image: Image) {
    let channels = image.colorModel.rawValue
    let used = Array(0..<image.colorModel.colorChannels)
    let values =
      switch image.samples {
      case .eight(let samples): Self.planar(samples, of: channels, used, scale: 255)
      case .sixteen(let samples): Self.planar(samples, of: channels, used, scale: 65535)
      }
    self.init(width: image.width, height: image.height, count: used.count, values: values)
  }

  /// The alpha channel of a picture, 0 transparent and 1 opaque; nil where it has none.
  public init?(alphaOf image: Image) {
    guard image.colorModel.hasAlpha else { return nil }
    let channels = image.colorModel.rawValue
    let values =
      switch image.samples {
      case .eight(let samples): Self.planar(samples, of: channels, [channels - 1], scale: 255)
      case .sixteen(let samples): Self.planar(samples, of: channels, [channels - 1], scale: 65535)
      }
    self.init(width: image.width, height: image.height, count: 1, values: values)
  }

  private static func planar<Sample: FixedWidthInteger>(
    _ samples: [Sample], of channels: Int, _ used: [Int], scale: Float
  ) -> [Float] {
    let area = samples.count / channels
    return [Float](unsafeUninitializedCapacity: area * used.count) { values, count in
      samples.withUnsafeBufferPointer { samples in
        for (plane, channel) in used.enumerated() {
          for pixel in 0..<area {
            values[plane * area + pixel] = Float(samples[pixel * channels + channel]) / scale
          }
        }
      }
      count = area * used.count
    }
  }
}

/// How a level between two grey levels becomes one of them.
public enum Rounding: String, Sendable, CaseIterable {
  case nearest, truncate
}

extension Image {
  /// The picture that `planes` show, with the alpha of `alpha` where it is given.
  /// Values below 0 and above 1 are clamped, and what is not a number becomes black.
  public init(
    _ planes: Planes, alpha: Planes? = nil, bitDepth: Int = 8, rounding: Rounding = .nearest,
    metadata: Metadata = Metadata()
  ) {
    let channels = planes.count + (alpha == nil ? 0 : 1)
    let all = planes.values + (alpha?.values ?? [])
    let samples: Samples =
      bitDepth == 16
      ? .sixteen(Self.interleaved(all, channels, scale: 65535, rounding))
      : .eight(Self.interleaved(all, channels, scale: 255, rounding))
    self.init(
      width: planes.width, height: planes.height, colorModel: ColorModel(rawValue: channels)!,
      samples: samples, metadata: metadata)
  }

  private static func interleaved<Sample: FixedWidthInteger>(
    _ values: [Float], _ channels: Int, scale: Float, _ rounding: Rounding
  ) -> [Sample] {
    let area = values.count / channels
    let bias: Float = rounding == .nearest ? 0.5 : 0
    return [Sample](unsafeUninitializedCapacity: values.count) { samples, count in
      values.withUnsafeBufferPointer { values in
        for channel in 0..<channels {
          for pixel in 0..<area {
            // The order of the operands makes NaN 0.
            let value = min(max(0, values[channel * area + pixel]), 1)
            samples[pixel * channels + channel] = Sample(truncatingIfNeeded: Int(value * scale + bias))
          }
        }
      }
      count = values.count
    }
  }
}

// MARK: - Tensors

extension Tensor {
  /// Pictures of one size, one below the other: [N, C, H, W].
  /// - Precondition: all are of the same size and number of planes, and there is at least one.
  public init(stacking pictures: [Planes]) {
    let first = pictures[0]
    precondition(
      pictures.allSatisfy { $0.width == first.width && $0.height == first.height && $0.count == first.count })
    self.init(
      Float.self, shape: [pictures.count, first.count, first.height, first.width],
      initializingWith: { elements in
        for (index, picture) in pictures.enumerated() {
          let place = index * picture.values.count
          _ = UnsafeMutableBufferPointer(rebasing: elements[place..<place + picture.values.count])
            .update(from: picture.values)
        }
      })
  }
}

extension Planes {
  /// The first picture of a tensor [N, C, H, W] or [C, H, W] of floats, where C is 1 or 3.
  /// - Throws: `GraphError` for any other type or shape.
  public init(_ tensor: Tensor) throws {
    let shape = tensor.shape.count == 4 ? Array(tensor.shape.dropFirst()) : tensor.shape
    guard
      tensor.elementType == .float32, shape.count == 3, shape[0] == 1 || shape[0] == 3, tensor.count > 0
    else { throw GraphError(.shapeMismatch, "\(tensor) is not a picture [1,3,H,W] of floats") }
    let values = tensor.withUnsafeElements(of: Float.self) { Array($0.prefix(shape.elementCount!)) }
    self.init(width: shape[2], height: shape[1], count: shape[0], values: values)
  }
}

extension Planes {
  /// The picture with every value brought to one of the levels that `bitDepth` has, and to 0..1.
  public func quantized(bitDepth: Int, rounding: Rounding) -> Planes {
    let scale: Float = bitDepth == 16 ? 65535 : 255
    let bias: Float = rounding == .nearest ? 0.5 : 0
    let levels = values.map { (min(max(0, $0), 1) * scale + bias).rounded(.down) / scale }
    return Planes(width: width, height: height, count: count, values: levels)
  }
}
