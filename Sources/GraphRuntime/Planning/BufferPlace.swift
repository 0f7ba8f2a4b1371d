/// Which bytes of a buffer a value has: stretches of one size, one an image where those of a blocked tensor don't lie one
/// behind the other, else a single one.
struct BufferPlace: Hashable {
  /// Where the first stretch begins.
  private(set) var offset: Int
  /// Bytes of one stretch.
  let byteCount: Int
  /// Bytes from the beginning of one stretch to that of the next.
  let stride: Int
  let count: Int

  /// One stretch.
  init(offset: Int, byteCount: Int) {
    self.init(offset: offset, byteCount: byteCount, stride: byteCount, count: 1)
  }

  /// `count` stretches, which are a single one where there is no gap between them.
  private init(offset: Int, byteCount: Int, stride: Int, count: Int) {
    let isDense = count == 1 || byteCount == stride
    self.offset = offset
    self.byteCount = isDense ? byteCount * count : byteCount
    self.stride = isDense ? self.byteCount : stride
    self.count = isDense ? 1 : count
  }

  /// Bytes from one image to the next; nil where they lie one behind the other.
  var imageStride: Int? { count > 1 ? stride : nil }

  func overlaps(_ other: BufferPlace) -> Bool {
    guard count > 1, other.count > 1, stride == other.stride else {
      return range.overlaps(other.range)
    }
    // Where the other's stretches fall between the beginnings of this one's.
    let phase = ((other.offset - offset) % stride + stride) % stride
    return range.overlaps(other.range) && (phase < byteCount || phase + other.byteCount > stride)
  }

  /// From the first byte to the last, those between stretches included.
  private var range: Range<Int> { offset..<offset + (count - 1) * stride + byteCount }

  /// The places of the parts that the blocked tensor of `images` images here is cut into.
  /// - Parameter parts: how many images each part has, and how many bytes.
  func parts(_ parts: [(images: Int, byteCount: Int)], along axis: Operator.ImageAxis, images: Int)
    -> [BufferPlace]
  {
    let step = imageStride ?? byteCount / images
    var start = offset
    return parts.map { part in
      let size = part.byteCount / part.images
      defer { start += axis == .channels ? size : step * part.images }
      return BufferPlace(offset: start, byteCount: size, stride: step, count: part.images)
    }
  }

  /// This place after what the buffer held has moved to `target`, in another buffer.
  /// - Parameter images: how many images the value here has; nil where it can't be taken apart into images.
  /// - Returns: nil where the move would tear the value apart.
  func moved(to target: BufferPlace, images: Int?) -> BufferPlace? {
    guard let step = target.imageStride else {
      var place = self
      place.offset += target.offset
      return place
    }
    let (image, within) = offset.quotientAndRemainder(dividingBy: target.byteCount)
    let start = target.offset + image * step + within
    if count == 1, within + byteCount <= target.byteCount {
      return BufferPlace(offset: start, byteCount: byteCount)
    }
    guard let images, stride == target.byteCount || byteCount == images * target.byteCount else { return nil }
    let size = count > 1 ? byteCount : target.byteCount
    guard within + size <= target.byteCount else { return nil }
    return BufferPlace(offset: start, byteCount: size, stride: step, count: images)
  }
}
