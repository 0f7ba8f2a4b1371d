import RealModule

/// A sunflower before a mountain lake, photographed twice: once focused near, once far.
public enum FocusScene {
  /// The two photographs, 8-bit RGB.
  public static func photographs(width: Int = 480, height: Int = 320) -> (near: [UInt8], far: [UInt8]) {
    let scale = Double(width) / 480
    let landscape = Canvas(width: width, height: height) { Paint(Landscape.colour(at: $0 / scale)) }
    let flowers = Canvas(width: width, height: height) { Flowers.paint(at: $0 / scale) }
    let near = flowers.over(landscape.defocused(radius: 5.5 * scale))
    let far = flowers.defocused(radius: 5.5 * scale).over(landscape)
    return (near.encoded, far.encoded)
  }
}

/// What is far away: sky, snowy mountains, pines, a village by a lake, a meadow. In a picture of 480 by 320.
private enum Landscape {
  private static let shore = 188.0
  private static let meadow = 256.0

  static func colour(at p: Point) -> Colour {
    if p.y >= bank(p.x) { return grass(at: p) }
    if p.y < shore { return land(at: p) }
    // The lake mirrors the land, broken by ripples that widen towards us.
    let depth = p.y - shore
    let ripple = (noise(Point(p.x / 14, p.y / 1.3), seed: 40) - 0.5) * (2 + depth * 0.22)
    let mirrored = land(at: Point(p.x + ripple, shore - depth * 1.25 - abs(ripple) * 0.6))
    let glint = smoothstep(0.86, 0.97, noise(Point(p.x / 9, p.y / 1.6), seed: 41)) * (p.y < 240 ? 1 : 0.5)
    return mix(mirrored * 0.72, rgb(40, 78, 104), 0.25 + depth / 300) + Colour(0.5, 0.46, 0.36) * glint
  }

  private static func bank(_ x: Double) -> Double { meadow + 7 * Double.sin(x / 63) + 3 * Double.sin(x / 17) }

  private static func land(at p: Point) -> Colour {
    var colour = sky(at: p)
    colour = mountains(at: p) ?? colour
    colour = hills(at: p) ?? colour
    colour = pines(at: p) ?? colour
    return village(at: p) ?? colour
  }

  private static func sky(at p: Point) -> Colour {
    let base = mix(rgb(64, 118, 182), rgb(214, 224, 226), p.y / 150)
    let sun = length(p - Point(366, 52))
    let clouds = smoothstep(0.5, 0.78, fractalNoise(Point(p.x / 95, p.y / 30), seed: 3))
    var colour = mix(base, rgb(250, 246, 240), clouds * 0.85)
    colour += Colour(0.9, 0.66, 0.36) * Double.exp(-sun / 34) * 0.6
    return sun < 15 ? rgb(255, 244, 206) : colour
  }

  private static func mountains(at p: Point) -> Colour? {
    let crest = 128 - 74 * ridge(p.x / 118, seed: 11) - 16 * ridge(p.x / 29, seed: 12)
    guard p.y > crest else { return nil }
    let relief = fractalNoise(Point((p.x + p.y * 0.8) / 17, (p.y - p.x * 0.3) / 21), seed: 13)
    let rock = mix(rgb(74, 86, 112), rgb(142, 146, 160), relief)
    let snowLine = 96 + 22 * (fractalNoise(Point(p.x / 13, 2), seed: 14) - 0.5)
    let snow = smoothstep(6, -6, p.y - snowLine - 26 * (relief - 0.45))
    let lit = relief > 0.52 ? rgb(252, 250, 246) : rgb(176, 192, 218)
    return mix(mix(rock, lit, snow), rgb(186, 204, 216), smoothstep(90, 190, p.y) * 0.5)
  }

  private static func hills(at p: Point) -> Colour? {
    let crest = 164 - 26 * noise(Point(p.x / 74, 0), seed: 21) - 4 * noise(Point(p.x / 9, 0), seed: 22)
    guard p.y > crest else { return nil }
    let texture = noise(Point(p.x / 2.1, p.y / 2.6), seed: 23)
    return mix(rgb(44, 78, 62), rgb(98, 132, 84), texture * 0.7 + 0.3 * noise(p / 21, seed: 24))
  }

  private static func pines(at p: Point) -> Colour? {
    for index in Int(p.x / 6) - 2...Int(p.x / 6) + 2 {
      let chance = hash(index, seed: 31)
      if chance < 0.24 || (262...420).contains(index * 6) && chance < 0.8 { continue }
      let centre = Double(index) * 6 + 4 * hash(index, seed: 32)
      let tall = 16 + 22 * hash(index, seed: 33)
      let down = (p.y - (shore - tall)) / tall
      guard down > 0, down < 1 else { continue }
      // Boughs: the outline widens tier by tier.
      let tier = (down * 6).truncatingRemainder(dividingBy: 1)
      if abs(p.x - centre) < tall * 0.2 * down * (0.62 + 0.5 * tier) {
        let light = p.x < centre ? 0.25 : 0.75
        return mix(rgb(14, 40, 30), rgb(46, 88, 52), light * (0.5 + hash(index, Int(down * 12), seed: 34)))
      }
    }
    return nil
  }

  private static func village(at p: Point) -> Colour? {
    for index in 0..<9 {
      let left = 268 + Double(index) * 17 + 5 * hash(index, seed: 51)
      let wide = index == 4 ? 9 : 13 + 5 * hash(index, seed: 52)
      let tall = index == 4 ? 34 : 11 + 7 * hash(index, seed: 53)
      let roof = index == 4 ? 17.0 : 8
      let (x, y) = (p.x - left, p.y - (shore - tall))
      if y < 0, y > -roof, abs(x - wide / 2) < (y + roof) / roof * (wide / 2 + 1.5) {
        let tiles = (y * 1.1).truncatingRemainder(dividingBy: 1) < -0.5 ? 0.8 : 1.1
        return mix(rgb(150, 62, 44), rgb(110, 74, 62), hash(index, seed: 54)) * tiles
      }
      guard x > 0, x < wide, y >= 0, p.y < shore else { continue }
      let (column, row) = (
        (x / 4.2).truncatingRemainder(dividingBy: 1), (y / 5.4).truncatingRemainder(dividingBy: 1)
      )
      let isWindow = column > 0.28 && column < 0.78 && row > 0.25 && row < 0.8
      let wall = mix(rgb(240, 226, 200), rgb(226, 196, 160), hash(index, seed: 55))
      return isWindow ? rgb(62, 58, 66) : wall * (x < wide * 0.3 ? 0.82 : 1)
    }
    return nil
  }

  private static func grass(at p: Point) -> Colour {
    let blades = noise(Point(p.x / 1.5 + p.y / 7, p.y / 6.5), seed: 61)
    let patches = noise(p / 38, seed: 62)
    var colour = mix(rgb(58, 104, 44), rgb(150, 182, 78), 0.6 * blades + 0.4 * patches)
    let cell = Point((p.x / 7).rounded(.down), (p.y / 5).rounded(.down))
    let (i, j) = (Int(cell.x), Int(cell.y))
    let centre = Point(
      (cell.x + 0.2 + 0.6 * hash(i, j, seed: 63)) * 7, (cell.y + 0.3 + 0.4 * hash(i, j, seed: 64)) * 5)
    if hash(i, j, seed: 65) > 0.6, length((p - centre) * Point(1, 1.3)) < 1.35 {
      colour =
        [rgb(232, 74, 62), rgb(250, 248, 240), rgb(250, 214, 84), rgb(150, 104, 200)][
          Int(hash(i, j, seed: 66) * 4)]
    }
    return colour
  }

  /// Sharp crests, in 0..1.
  private static func ridge(_ x: Double, seed: Int) -> Double {
    let value = 0.65 * noise(Point(x, 0), seed: seed) + 0.35 * noise(Point(2.3 * x, 0), seed: seed + 1)
    return 1 - abs(2 * value - 1)
  }
}

/// What is near: sunflowers with their leaves.
private enum Flowers {
  static func paint(at p: Point) -> Paint {
    flower(at: p, centre: Point(132, 128), radius: 100)
      .over(flower(at: p, centre: Point(404, 236), radius: 58))
      .over(leaf(at: p, from: Point(142, 262), to: Point(252, 216), width: 30))
      .over(leaf(at: p, from: Point(138, 292), to: Point(30, 252), width: 27))
      .over(leaf(at: p, from: Point(410, 306), to: Point(330, 276), width: 21))
      .over(stem(at: p, foot: Point(148, 330), head: Point(134, 150), width: 6.5))
      .over(stem(at: p, foot: Point(414, 330), head: Point(405, 240), width: 4.5))
  }

  private static func flower(at p: Point, centre: Point, radius: Double) -> Paint {
    let d = (p - centre) / radius
    guard length(d) < 1.05 else { return .nothing }
    return disc(at: d)
      .over(petals(at: d, count: 17, turn: 0, reach: 0.93, light: 1))
      .over(petals(at: d, count: 17, turn: 0.5, reach: 1, light: 0.72))
  }

  /// Seeds in Vogel's spiral.
  private static func disc(at d: Point) -> Paint {
    let r = length(d)
    guard r < 0.42 else { return .nothing }
    let count = 210
    var nearest = (distance: Double.infinity, index: 0)
    for index in 0..<count {
      let (angle, rho) = (Double(index) * 2.399963, 0.405 * (Double(index) / Double(count)).squareRoot())
      let distance = length(d - Point(rho * Double.cos(angle), rho * Double.sin(angle)))
      if distance < nearest.distance { nearest = (distance, index) }
    }
    let dome = smoothstep(0.016, 0.006, nearest.distance)
    let ring = Double(nearest.index) / Double(count)
    let seed =
      ring < 0.35 ? rgb(150, 156, 58) : mix(rgb(136, 82, 32), rgb(222, 158, 52), smoothstep(0.6, 0.95, ring))
    return Paint(mix(rgb(44, 24, 14), seed, dome) * (1.1 - 0.5 * (d.x + d.y)))
  }

  private static func petals(at d: Point, count: Int, turn: Double, reach: Double, light: Double) -> Paint {
    let (r, angle) = (length(d), Double.atan2(y: d.y, x: d.x))
    let position = angle / (2 * .pi) * Double(count) + turn
    let index = position.rounded()
    let wrapped = (Int(index) + 4 * count) % count
    let long = reach * (0.9 + 0.1 * hash(wrapped, seed: Int(turn * 10) + 70))
    let along = (r - 0.3) / (long - 0.3)
    guard along > 0, along < 1 else { return .nothing }
    let across = (position - index) * 2 * .pi / Double(count) * r
    let width = 0.135 * Double.pow(Double.sin(.pi * (0.12 + 0.88 * along)), 0.8)
    guard abs(across) < width else { return .nothing }
    let vein = 0.86 + 0.14 * Double.cos(across * 190) * smoothstep(0, 0.3, along)
    let base = mix(rgb(232, 130, 12), rgb(255, 206, 32), smoothstep(0, 0.55, along))
    let fold = 1 - 0.35 * smoothstep(0.3, 1, abs(across) / width)
    return Paint(base * (vein * fold * light))
  }

  private static func leaf(at p: Point, from: Point, to: Point, width: Double) -> Paint {
    let axis = to - from
    let long = length(axis)
    let u = axis / long
    let d = p - from
    let along = (d.x * u.x + d.y * u.y) / long
    guard along > 0, along < 1 else { return .nothing }
    let across = d.x * -u.y + d.y * u.x
    let edge = width * Double.pow(Double.sin(.pi * Double.pow(along, 0.8)), 0.9)
    guard abs(across) < edge + 1.2 * Double.sin(along * 70) else { return .nothing }
    let middle = smoothstep(0.5, 1.3, abs(across))
    let ribs = abs((along * 9 - abs(across) / width * 1.6).remainder(dividingBy: 1))
    let colour = mix(
      rgb(168, 200, 104), across < 0 ? rgb(54, 118, 48) : rgb(36, 90, 42),
      middle * smoothstep(0.03, 0.12, ribs))
    return Paint(colour * (0.85 + 0.3 * noise(p / 3, seed: 80)))
  }

  private static func stem(at p: Point, foot: Point, head: Point, width: Double) -> Paint {
    guard p.y > head.y else { return .nothing }
    let t = (p.y - head.y) / (foot.y - head.y)
    let centre = head.x + (foot.x - head.x) * t + 5 * Double.sin(t * 3)
    let across = (p.x - centre) / width
    guard abs(across) < 1 else { return .nothing }
    let light = 0.55 + 0.6 * (1 - across * across) - 0.25 * across
    return Paint(rgb(96, 146, 62) * (light * (0.9 + 0.2 * noise(Point(p.x, p.y / 9), seed: 81))))
  }
}
