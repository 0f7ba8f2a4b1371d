import CSNGraphs
import ImageFiles

extension Preprocessing {
  /// What a network of `channels` (3, or 1 for grey) that was trained so reads: from a picture in 0..1.
  /// - Throws: `CommandLineError` where the channels differ in their statistics, but there is only one.
  func apply(to picture: Planes, channels: Int = 3) throws -> Planes {
    if channels == 1 {
      guard Set(scale).count == 1, Set(offset).count == 1 else {
        throw CommandLineError("--preprocess \(rawValue) is for colour, but the model takes one channel")
      }
      return picture.luma.mapPlanes(count: 1) { _ in picture.luma.values.map { $0 * scale[0] + offset[0] } }
    }
    let rgb = picture.rgb
    return picture.mapPlanes(count: 3) { channel in
      let source = reversesChannels ? 2 - channel : channel
      return rgb[plane: source].map { $0 * scale[channel] + offset[channel] }
    }
  }

  /// The way back: a picture in 0..1 from what such a network makes.
  func undo(on picture: Planes) -> Planes {
    picture.mapPlanes(count: picture.count) { plane in
      let channel = reversesChannels && picture.count == 3 ? 2 - plane : plane
      return picture[plane: channel].map { ($0 - offset[channel]) / scale[channel] }
    }
  }
}

extension Planes {
  fileprivate func mapPlanes(count: Int, _ plane: (Int) -> [Float]) -> Planes {
    Planes(width: width, height: height, count: count, values: (0..<count).flatMap(plane))
  }
}
