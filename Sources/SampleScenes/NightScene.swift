import RealModule

/// A street at night, by a colour camera that sees lights and by an infrared camera that sees warmth.
public enum NightScene {
  /// The two photographs: 8-bit grey and 8-bit RGB.
  public static func photographs(width: Int = 480, height: Int = 320) -> (infrared: [UInt8], visible: [UInt8])
  {
    let scale = Double(width) / 480
    let visible = Canvas(width: width, height: height) { point in
      let p = point / scale
      return Paint(VisibleStreet.colour(at: p))
    }
    let warmth = Canvas(width: width, height: height) {
      Paint(Colour(repeating: InfraredStreet.warmth(at: $0 / scale)))
    }
    return (
      warmth.defocused(radius: 0.8 * scale).grained(0.012, seed: 7).encodedGrey,
      visible.grained(0.006, seed: 8).encoded
    )
  }
}

extension Canvas {
  /// With a sensor's noise on the picture.
  fileprivate func grained(_ amount: Double, seed: Int) -> Canvas {
    var result = self
    for index in pixels.indices {
      for channel in 0..<3 {
        let sum = (0..<4).reduce(0) { $0 + hash(index, channel * 4 + $1, seed: seed) } - 2
        result.pixels[index].colour[channel] +=
          amount * sum * (0.12 + pixels[index].colour[channel]).squareRoot()
      }
    }
    return result
  }
}

/// What both cameras look at, as shapes in a picture of 480 by 320.
private enum Street {
  static let horizon = 178.0

  struct House {
    let left: Double
    let right: Double
    let top: Double
    let index: Int
  }

  static let houses = [
    House(left: -10, right: 74, top: 26, index: 0), House(left: 74, right: 136, top: 66, index: 1),
    House(left: 136, right: 186, top: 96, index: 2), House(left: 300, right: 352, top: 88, index: 3),
    House(left: 352, right: 418, top: 50, index: 4), House(left: 418, right: 490, top: 14, index: 5),
  ]

  static func house(at p: Point) -> House? {
    houses.first { p.x >= $0.left && p.x < $0.right && p.y >= $0.top && p.y < foot(p.x) }
  }

  /// Where the houses meet the pavement: the street runs away from us between them.
  static func foot(_ x: Double) -> Double { horizon + 14 + abs(x - 243) * 0.19 }

  static func isRoad(_ p: Point) -> Bool {
    p.y > horizon + 12 && abs(p.x - 243) < 26 + (p.y - horizon - 12) * 1.32
  }

  /// The window a point of a house lies in, as its number and the place within it in 0..1.
  static func window(_ house: House, at p: Point) -> (number: Int, place: Point)? {
    let (x, y) = ((p.x - house.left - 4) / 13.5, (p.y - house.top - 8) / 19)
    guard x >= 0, y >= 0, p.x < house.right - 6, p.y < foot(p.x) - 40 else { return nil }
    let (column, row) = (x.rounded(.down), y.rounded(.down))
    let place = Point((x - column - 0.2) / 0.6, (y - row - 0.18) / 0.64)
    guard (0...1).contains(place.x), (0...1).contains(place.y) else { return nil }
    return (Int(column) + 10 * Int(row) + 100 * house.index, place)
  }

  /// A walker: 0 outside, else how warm, the head and hands most.
  static func walker(at p: Point, foot: Point, height: Double, stride: Double) -> Double {
    let d = Point((p.x - foot.x) / height, (foot.y - p.y) / height)
    func limb(_ a: Point, _ b: Point, _ width: Double) -> Bool {
      let axis = b - a
      let t = min(max(((d - a) * axis).sum() / (axis * axis).sum(), 0), 1)
      return length(d - a - axis * t) < width
    }
    if length((d - Point(0.01, 0.92)) * Point(1.15, 0.95)) < 0.075 { return 1 }
    if limb(Point(0, 0.78), Point(0, 0.52), 0.095) { return 0.8 }
    if limb(Point(-0.02, 0.5), Point(-stride, 0.26), 0.055)
      || limb(Point(-stride, 0.26), Point(-stride * 1.5, 0.02), 0.04)
    {
      return 0.72
    }
    if limb(Point(0.02, 0.5), Point(stride * 0.9, 0.27), 0.055)
      || limb(Point(stride * 0.9, 0.27), Point(stride, 0.02), 0.04)
    {
      return 0.72
    }
    if limb(Point(-0.08, 0.78), Point(-0.13 - stride * 0.4, 0.5), 0.035) { return 0.88 }
    if limb(Point(0.08, 0.78), Point(0.13 + stride * 0.5, 0.52), 0.035) { return 0.88 }
    return 0
  }

  /// A dog on its way beside a walker.
  static func dog(at p: Point, foot: Point, size: Double) -> Double {
    let d = Point((p.x - foot.x) / size, (foot.y - p.y) / size)
    if length((d - Point(0, 0.62)) * Point(0.52, 1.25)) < 0.24 { return 0.78 }
    if length(d - Point(0.58, 0.86)) < 0.16 || length((d - Point(0.74, 0.8)) * Point(0.7, 1.6)) < 0.1 {
      return 0.95
    }
    for leg in [-0.36, -0.22, 0.24, 0.38]
    where abs(d.x - leg - 0.1 * (0.4 - d.y)) < 0.05 && d.y > 0 && d.y < 0.6 { return 0.7 }
    return abs(d.x + 0.5 + (d.y - 0.7) * 0.5) < 0.04 && d.y > 0.65 && d.y < 1 ? 0.7 : 0
  }

  static func people(at p: Point) -> Double {
    [
      walker(at: p, foot: Point(118, 286), height: 92, stride: 0.13),
      walker(at: p, foot: Point(318, 240), height: 54, stride: 0.1),
      walker(at: p, foot: Point(338, 242), height: 50, stride: -0.09),
      dog(at: p, foot: Point(164, 288), size: 27),
    ].max() ?? 0
  }

  /// A parked car seen from behind: which part.
  enum CarPart { case body, window, wheel, light, exhaust }

  static func car(at p: Point) -> CarPart? {
    let d = Point(p.x - 400, 272 - p.y)
    if length((d - Point(-22, 4)) * Point(1, 1)) < 7 || length((d - Point(24, 4)) * Point(1, 1)) < 7 {
      return .wheel
    }
    if length(d - Point(-15, 6)) < 2.2 { return .exhaust }
    if abs(d.y - 21) < 3.2, abs(abs(d.x - 1) - 28) < 5 { return .light }
    if abs(d.x - 1) < 35, d.y > 5, d.y < 28 { return .body }
    if d.y >= 28, d.y < 45, abs(d.x - 1) < 30 - (d.y - 28) * 0.5 {
      return d.y > 30 && d.y < 42 && abs(d.x - 1) < 24 - (d.y - 28) * 0.5 ? .window : .body
    }
    return nil
  }

  /// The crown of a street tree: how leafy, 0 outside.
  static func tree(at p: Point) -> Double {
    for (centre, size) in [(Point(210, 150), 30.0), (Point(278, 146), 33.0)] {
      let d = (p - centre) / size
      let edge = 1 + 0.35 * (fractalNoise(p / 7, seed: 92) - 0.5)
      if length(d * Point(1, 0.92)) < edge { return 0.35 + 0.65 * noise(p / 2.4, seed: 93) }
      if abs(p.x - centre.x - 0.6) < 2, p.y > centre.y + size * 0.6, p.y < horizon + 20 { return 0.2 }
    }
    return 0
  }

  static let lamps = [Point(58, 128), Point(178, 152), Point(300, 152), Point(446, 124)]

  static func lampPost(at p: Point) -> Bool {
    lamps.contains { abs(p.x - $0.x) < 1.4 && p.y > $0.y && p.y < foot($0.x) + 8 }
  }
}

private enum VisibleStreet {
  static func colour(at p: Point) -> Colour {
    var colour = ground(at: p)
    if p.y < Street.foot(p.x), !Street.isRoad(p) { colour = sky(at: p) }
    if let house = Street.house(at: p) { colour = front(house, at: p) }
    let leaves = Street.tree(at: p)
    if leaves > 0 { colour = rgb(9, 15, 13) * (0.6 + leaves) }
    if Street.lampPost(at: p) { colour = rgb(12, 13, 16) }
    if let part = Street.car(at: p) { colour = carColour(part, at: p) }
    if Street.people(at: p) > 0 { colour = colour * 0.3 + rgb(8, 9, 12) * 0.7 }
    for lamp in Street.lamps {
      let distance = length(p - lamp)
      colour += rgb(255, 190, 110) * (0.5 * Double.exp(-distance / 7) + 0.06 * Double.exp(-distance / 34))
      if length((p - lamp) * Point(0.7, 1.4)) < 4 { colour = rgb(255, 240, 205) }
    }
    return colour + sign(at: p)
  }

  private static func sky(at p: Point) -> Colour {
    let base = mix(rgb(8, 14, 38), rgb(46, 38, 66), p.y / Street.horizon)
    let cell = (Int(p.x / 9), Int(p.y / 9))
    let star = Point(
      (Double(cell.0) + hash(cell.0, cell.1, seed: 101)) * 9,
      (Double(cell.1) + hash(cell.0, cell.1, seed: 102)) * 9)
    let isStar = hash(cell.0, cell.1, seed: 103) > 0.72 && length(p - star) < 0.75
    let moon = length(p - Point(246, 40))
    if moon < 13, length(p - Point(252, 36)) > 11 { return rgb(240, 236, 214) }
    return (isStar ? rgb(170, 180, 210) : base) + rgb(150, 150, 170) * (0.12 * Double.exp(-moon / 20))
  }

  private static func ground(at p: Point) -> Colour {
    var colour = Street.isRoad(p) ? rgb(26, 27, 33) : rgb(38, 36, 40)
    colour = colour * (0.75 + 0.5 * noise(p / 1.4, seed: 111))
    if Street.isRoad(p) {
      let away = (p.y - Street.horizon - 12)
      let across = (p.x - 243) / (26 + away * 1.32)
      // A zebra crossing, and the line down the middle.
      if p.y > 262, p.y < 288, ((across + 1) * 6).truncatingRemainder(dividingBy: 1) < 0.5 {
        colour = rgb(150, 148, 140) * 0.55
      }
      if p.y < 252, abs(across) < 0.02, (1200 / (away + 14)).truncatingRemainder(dividingBy: 8) < 4.5 {
        colour = rgb(150, 148, 140) * 0.6
      }
    }
    for lamp in Street.lamps {
      let pool =
        (p - Point(lamp.x + (lamp.x < 243 ? 16 : -16), Street.foot(lamp.x) + 22)) * Point(0.021, 0.06)
      colour += colour * 4.2 * Double.exp(-(pool * pool).sum()) * Colour(1.25, 0.95, 0.6)
    }
    return colour
  }

  private static func front(_ house: Street.House, at p: Point) -> Colour {
    let bricks = hash(
      Int((p.x + ((p.y / 4).rounded(.down)).truncatingRemainder(dividingBy: 2) * 3) / 6), Int(p.y / 4),
      seed: 121)
    var wall = [rgb(48, 40, 46), rgb(40, 44, 56), rgb(54, 44, 42)][house.index % 3] * (0.7 + 0.5 * bricks)
    let toFoot = Street.foot(p.x) - p.y
    wall += rgb(255, 190, 110) * 0.035 * Double.exp(-toFoot / 22)
    if toFoot < 34, toFoot > 6 { return shop(house, at: p, toFoot: toFoot) ?? wall }
    guard let window = Street.window(house, at: p) else { return wall }
    let cross = abs(window.place.x - 0.5) < 0.06 || abs(window.place.y - 0.42) < 0.05
    if cross { return wall * 0.6 }
    let draw = hash(window.number, seed: 122)
    guard draw > 0.5 else { return rgb(12, 15, 24) + rgb(60, 66, 90) * 0.1 * (1 - window.place.y) }
    let light =
      draw > 0.9
      ? rgb(150, 200, 255) : mix(rgb(255, 188, 96), rgb(255, 224, 160), hash(window.number, seed: 123))
    let curtain = window.place.x < 0.24 || window.place.x > 0.78
    return light * (curtain ? 0.42 : 0.8) * (0.75 + 0.25 * window.place.y)
  }

  private static func shop(_ house: Street.House, at p: Point, toFoot: Double) -> Colour? {
    guard p.x > house.left + 6, p.x < house.right - 6 else { return nil }
    let tint = [rgb(255, 214, 150), rgb(150, 220, 255), rgb(255, 170, 190)][house.index % 3]
    if toFoot > 28 {
      return [rgb(190, 40, 52), rgb(30, 96, 150), rgb(30, 120, 84)][house.index % 3]
        * (Int(p.x / 5) % 2 == 0 ? 0.9 : 0.35)
    }
    let goods = hash(Int(p.x / 4), Int(p.y / 6), seed: 131)
    return tint * (toFoot < 14 ? 0.15 + 0.5 * goods : 0.5) * (Int(p.x - house.left) % 22 < 2 ? 0.1 : 1)
  }

  /// A neon sign: a cup above letters' worth of strokes.
  private static func sign(at p: Point) -> Colour {
    let d = p - Point(366, 122)
    let cup = abs(length(d * Point(1, 0.9)) - 9)
    let steam = abs(d.x - 3 * Double.sin(d.y / 2.4)) + (d.y < -11 && d.y > -24 ? 0 : 40)
    let saucer = abs(d.y - 13) + max(0, abs(d.x) - 12)
    func glow(_ distance: Double, _ colour: Colour) -> Colour {
      colour * (1.1 * smoothstep(1.3, 0.5, distance) + 0.28 * Double.exp(-distance / 4))
    }
    return glow(d.y > -3 ? cup : 40, rgb(255, 60, 150)) + glow(steam, rgb(70, 220, 255))
      + glow(saucer, rgb(255, 60, 150))
  }

  private static func carColour(_ part: Street.CarPart, at p: Point) -> Colour {
    switch part {
    case .body: rgb(44, 22, 28) * (0.6 + 0.6 * smoothstep(270, 230, p.y))
    case .window: rgb(18, 24, 36) + rgb(255, 190, 110) * 0.05
    case .wheel, .exhaust: rgb(7, 7, 8)
    case .light: rgb(255, 44, 32)
    }
  }
}

private enum InfraredStreet {
  static func warmth(at p: Point) -> Double {
    var value = Street.isRoad(p) ? 0.085 : 0.11
    value *= 0.9 + 0.2 * noise(p / 9, seed: 201)
    if p.y < Street.foot(p.x), !Street.isRoad(p) { value = 0.006 + 0.012 * p.y / Street.horizon }
    if let house = Street.house(at: p) {
      value = 0.07 + 0.02 * Double(house.index % 3) + 0.012 * noise(p / 12, seed: 202)
      // Glass hides the warmth behind it; the frames leak.
      if let window = Street.window(house, at: p) {
        let rim = min(window.place.x, window.place.y, 1 - window.place.x, 1 - window.place.y)
        value = rim < 0.14 ? 0.17 : 0.1
      }
    }
    let leaves = Street.tree(at: p)
    if leaves > 0 { value = 0.05 + 0.07 * leaves }
    if Street.lampPost(at: p) { value = 0.06 }
    for lamp in Street.lamps where length((p - lamp) * Point(0.7, 1.4)) < 4.4 { value = 0.55 }
    switch Street.car(at: p) {
    case .body: value = 0.12 + 0.2 * smoothstep(252, 236, p.y) * smoothstep(30, 0, abs(p.x - 401))
    case .window: value = 0.05
    case .wheel: value = 0.3
    case .exhaust: value = 0.9
    case .light: value = 0.22
    case nil: break
    }
    let person = Street.people(at: p)
    return person > 0 ? 0.34 + 0.62 * (person - 0.7) / 0.3 : value
  }
}
