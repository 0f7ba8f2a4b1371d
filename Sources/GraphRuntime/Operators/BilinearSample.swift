/// Bilinear interpolation in a plane [height, width]: four neighbours and their weights.
struct BilinearSample<Element: FloatingElement> {
  private(set) var offsets: SIMD4<Int> = .zero
  /// Zero for neighbours outside the plane.
  private(set) var weights: SIMD4<Element> = .zero

  /// Nothing but zeros.
  private init() {}

  /// The sample at (y, x), where the plane is surrounded by zeros.
  init(zeroPaddedAt y: Element, _ x: Element, height: Int, width: Int) {
    guard y > -1, x > -1, y < Element(height), x < Element(width) else { return }
    let (top, left) = (Int(y.rounded(.down)), Int(x.rounded(.down)))
    let (fractionY, fractionX) = (y - Element(top), x - Element(left))
    for corner in 0..<4 {
      let (row, column) = (top + corner / 2, left + corner % 2)
      guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
      offsets[corner] = row * width + column
      weights[corner] =
        (corner / 2 == 1 ? fractionY : 1 - fractionY) * (corner % 2 == 1 ? fractionX : 1 - fractionX)
    }
  }

  /// The sample at (y, x), where the plane's border goes on for one pixel, and zeros follow.
  init(clampedAt y: Element, _ x: Element, height: Int, width: Int) {
    guard y >= -1, x >= -1, y <= Element(height), x <= Element(width) else {
      self.init()
      return
    }
    self.init(
      zeroPaddedAt: min(max(y, 0), Element(height - 1)), min(max(x, 0), Element(width - 1)), height: height,
      width: width)
  }

  /// The weighted neighbours.
  @inline(__always)
  func products(_ plane: UnsafePointer<Element>) -> SIMD4<Element> {
    weights * SIMD4(plane[offsets[0]], plane[offsets[1]], plane[offsets[2]], plane[offsets[3]])
  }

  /// The interpolated value.
  @inline(__always)
  func value(_ plane: UnsafePointer<Element>) -> Element {
    let products = products(plane)
    return products[0] + products[1] + products[2] + products[3]
  }
}
