import ArgumentParser

/// A number of bytes: `800MB`, `2GiB`, `1500000`.
public struct ByteSize: ExpressibleByArgument, Sendable, Hashable {
  public let bytes: Int

  private static let units: [(suffix: String, factor: Int)] = [
    ("KIB", 1 << 10), ("MIB", 1 << 20), ("GIB", 1 << 30), ("TIB", 1 << 40), ("KB", 1000), ("MB", 1_000_000),
    ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30),
    ("T", 1 << 40), ("B", 1), ("", 1),
  ]

  public init?(argument: String) {
    let text = argument.uppercased()
    guard let (suffix, factor) = Self.units.first(where: { text.hasSuffix($0.suffix) }),
      let number = Double(text.dropLast(suffix.count)), number > 0, number * Double(factor) < 0x1p62
    else { return nil }
    bytes = Int(number * Double(factor))
    guard bytes > 0 else { return nil }
  }

  /// `17.3 MB`.
  static func text(_ bytes: Int) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(bytes) bytes" : "\((value * 10).rounded() / 10) \(units[unit])"
  }
}
