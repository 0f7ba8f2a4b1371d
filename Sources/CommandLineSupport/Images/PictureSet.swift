import ImageFiles
import ONNXParse

/// Pictures to be fused: read, checked to be of one size, as colour and alpha planes.
struct PictureSet {
  struct Picture {
    let path: String
    let image: Image
  }

  let pictures: [Picture]

  /// Reads PNG files.
  /// - Parameters:
  ///   - memory: the most bytes that all pictures together may lead to.
  ///   - bytesPerPixel: how many that are.
  /// - Throws: `FileError` where a file is no PNG, or has more pixels than the memory is for.
  init(reading paths: [String], memory: Int = .max, bytesPerPixel: Int = 1) throws {
    var limits = PNG.Limits()
    limits.pixels = memory / bytesPerPixel / max(paths.count, 1)
    pictures = try Progress.show("reading pictures") { report in
      try paths.enumerated().map { index, path in
        defer { report(Double(index + 1) / Double(paths.count)) }
        return Picture(path: path, image: try PNG.read(from: path, limits: limits))
      }
    }
  }

  var images: [Image] { pictures.map(\.image) }

  /// Throws unless there are two pictures or more, all of one size.
  func checkFusible() throws {
    guard let first = pictures.first, pictures.count > 1 else {
      throw CommandLineError("fusing takes two pictures or more")
    }
    for other in pictures
    where (other.image.width, other.image.height) != (first.image.width, first.image.height) {
      throw CommandLineError(
        "the pictures differ in size: \(first.path) is \(first.image.width)x\(first.image.height), "
          + "\(other.path) is \(other.image.width)x\(other.image.height)")
    }
  }

  /// 16 where any picture has 16 bits a sample.
  var bitDepth: Int { images.map(\.bitDepth).max() ?? 8 }

  /// The alpha channel of what the pictures make: at each pixel the most opaque of theirs, a picture without alpha
  /// being opaque; nil where that is opaque everywhere.
  var fusedAlpha: Planes? {
    var fused: [Float]?
    for image in images {
      guard let alpha = Planes(alphaOf: image)?.values else { return nil }
      fused = fused.map { zip($0, alpha).map { max($0, $1) } } ?? alpha
    }
    guard let fused, fused.contains(where: { $0 < 1 }), let first = images.first else { return nil }
    return Planes(width: first.width, height: first.height, count: 1, values: fused)
  }

  /// What the fused picture carries on: the first picture's profile, EXIF and texts; those of the first colour
  /// picture where the result is in colour.
  func metadata(isColor: Bool) -> Image.Metadata {
    (isColor ? images.first { !$0.isGrey } ?? images.first : images.first)?.metadata ?? Image.Metadata()
  }
}
