import RealModule

/// A colour in linear light, red, green, blue.
typealias Colour = SIMD3<Double>
/// A point of the picture, in pixels from the upper left corner.
typealias Point = SIMD2<Double>

/// A colour and how much of what is behind it covers.
struct Paint {
  /// Multiplied with `coverage`.
  var colour: Colour
  var coverage: Double

  static let nothing = Paint(colour: .zero, coverage: 0)

  init(colour: Colour, coverage: Double) {
    self.colour = colour
    self.coverage = coverage
  }

  /// An opaque colour.
  init(_ colour: Colour) { self.init(colour: colour, coverage: 1) }

  /// This paint with `other` behind it.
  func over(_ other: Paint) -> Paint {
    Paint(
      colour: colour + (1 - coverage) * other.colour, coverage: coverage + (1 - coverage) * other.coverage)
  }
}

/// A picture in linear light with coverage, row by row.
struct Canvas {
  let width: Int
  let height: Int
  var pixels: [Paint]

  /// Samples of a pixel along each side.
  private static let samples = 4

  /// Paints every pixel with the mean of `paint` over its area.
  init(width: Int, height: Int, paint: (Point) -> Paint) {
    self.width = width
    self.height = height
    let step = 1 / Double(Self.samples)
    pixels = (0..<width * height).map { index in
      var sum = Paint.nothing
      for sample in 0..<Self.samples * Self.samples {
        let x = Double(index % width) + (Double(sample % Self.samples) + 0.5) * step
        let y = Double(index / width) + (Double(sample / Self.samples) + 0.5) * step
        let value = paint(Point(x, y))
        sum.colour += value.colour
        sum.coverage += value.coverage
      }
      let weight = step * step
      return Paint(colour: sum.colour * weight, coverage: sum.coverage * weight)
    }
  }

  /// Blurred as a lens out of focus does: every point becomes a disc of `radius` pixels.
  func defocused(radius: Double) -> Canvas {
    let reach = Int(radius.rounded(.up))
    var taps: [(dx: Int, dy: Int, weight: Double)] = []
    for dy in -reach...reach {
      for dx in -reach...reach {
        // The part of the tap's pixel inside the disc, for a soft rim.
        let distance = (Double(dx * dx + dy * dy)).squareRoot()
        let weight = min(1, max(0, radius + 0.5 - distance))
        if weight > 0 { taps.append((dx, dy, weight)) }
      }
    }
    let total = taps.reduce(0) { $0 + $1.weight }
    var result = self
    for y in 0..<height {
      for x in 0..<width {
        var sum = Paint.nothing
        for tap in taps {
          let column = min(max(x + tap.dx, 0), width - 1)
          let row = min(max(y + tap.dy, 0), height - 1)
          let pixel = pixels[row * width + column]
          sum.colour += tap.weight * pixel.colour
          sum.coverage += tap.weight * pixel.coverage
        }
        result.pixels[y * width + x] = Paint(colour: sum.colour / total, coverage: sum.coverage / total)
      }
    }
    return result
  }

  /// This picture in front of another.
  func over(_ other: Canvas) -> Canvas {
    var result = self
    for index in pixels.indices { result.pixels[index] = pixels[index].over(other.pixels[index]) }
    return result
  }

  /// 8-bit sRGB, red, green and blue of each pixel.
  var encoded: [UInt8] {
    pixels.flatMap { pixel in (0..<3).map { Self.encode(pixel.colour[$0]) } }
  }

  /// 8-bit sRGB of the red channel alone: a grey picture.
  var encodedGrey: [UInt8] { pixels.map { Self.encode($0.colour.x) } }

  private static func encode(_ linear: Double) -> UInt8 {
    let value = min(max(linear, 0), 1)
    let curved = value <= 0.0031308 ? 12.92 * value : 1.055 * Double.pow(value, 1 / 2.4) - 0.055
    return UInt8((255 * curved).rounded())
  }
}

/// A colour given as sRGB in 0..255.
func rgb(_ red: Double, _ green: Double, _ blue: Double) -> Colour {
  func linear(_ value: Double) -> Double {
    let v = value / 255
    return v <= 0.04045 ? v / 12.92 : Double.pow((v + 0.055) / 1.055, 2.4)
  }
  return Colour(linear(red), linear(green), linear(blue))
}

func mix(_ a: Colour, _ b: Colour, _ t: Double) -> Colour { a + (b - a) * min(max(t, 0), 1) }

/// 0 below `low`, 1 above `high`, smooth between.
func smoothstep(_ low: Double, _ high: Double, _ value: Double) -> Double {
  let t = min(max((value - low) / (high - low), 0), 1)
  return t * t * (3 - 2 * t)
}

func length(_ v: Point) -> Double { (v.x * v.x + v.y * v.y).squareRoot() }

/// A number in 0..<1 that looks random, the same for the same arguments.
func hash(_ x: Int, _ y: Int = 0, seed: Int = 0) -> Double {
  var h = UInt64(bitPattern: Int64(x)) &* 0x9E37_79B9_7F4A_7C15
  h ^= (UInt64(bitPattern: Int64(y)) &+ 0x632B_E59B_D9B4_E019) &* 0xBF58_476D_1CE4_E5B9
  h ^= UInt64(bitPattern: Int64(seed)) &* 0x94D0_49BB_1331_11EB
  h = (h ^ (h >> 30)) &* 0xBF58_476D_1CE4_E5B9
  h = (h ^ (h >> 27)) &* 0x94D0_49BB_1331_11EB
  h ^= h >> 31
  return Double(h >> 11) / Double(1 << 53)
}

/// Smooth noise in 0..1 with one bump a unit.
func noise(_ p: Point, seed: Int = 0) -> Double {
  let (x, y) = (p.x.rounded(.down), p.y.rounded(.down))
  let (i, j) = (Int(x), Int(y))
  let (u, v) = (smoothstep(0, 1, p.x - x), smoothstep(0, 1, p.y - y))
  let top = hash(i, j, seed: seed) * (1 - u) + hash(i + 1, j, seed: seed) * u
  let bottom = hash(i, j + 1, seed: seed) * (1 - u) + hash(i + 1, j + 1, seed: seed) * u
  return top * (1 - v) + bottom * v
}

/// Noise of four octaves, in 0..1.
func fractalNoise(_ p: Point, seed: Int = 0) -> Double {
  var (sum, weight, scale) = (0.0, 0.5, 1.0)
  for octave in 0..<4 {
    sum += weight * noise(p * scale, seed: seed + octave)
    weight /= 2
    scale *= 2
  }
  return sum / 0.9375
}
