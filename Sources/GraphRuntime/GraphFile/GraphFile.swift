import ONNXParse

/// Reads and writes `.graph` files: a header with checksums, a compact description, and the weights, 64-byte aligned,
/// to be used where the mapping holds them.
///
/// Opening checks header and description; the weights' checksum, which would touch every page, is checked by `verify`.
public enum GraphFile {
  /// Weights start on a page of their own, so that a mapping of them shares none with the description.
  private static let weightsAlignment = 4096

  /// Maps the file at `path`; the graph's tensors lie in the mapping.
  /// - Throws: `FileError` where the file can't be opened, `GraphError` that says whether it is foreign, newer, truncated
  ///   or corrupt.
  public static func read(from path: String) throws -> Graph {
    try read(ByteRegion(contentsOf: path), at: path)
  }

  /// Reads the mapped file of that path.
  static func read(_ file: ByteRegion, at path: String) throws -> Graph {
    do {
      return try read(file)
    } catch let error as GraphError {
      throw error.inside(path)
    }
  }

  /// The graph in `file`, whose memory its tensors use.
  static func read(_ file: ByteRegion) throws -> Graph {
    let graph = try file.withUnsafeBytes { bytes in
      let header = try GraphFileHeader(reading: bytes)
      let description = try header.section(.description)
      let weights = try header.section(.weights)
      try check(description, in: bytes, "description")
      let slice = UnsafeRawBufferPointer(
        rebasing: bytes[description.offset..<description.offset + description.byteCount])
      var decoder = DescriptionDecoder(
        slice, weights: file[weights.offset..<weights.offset + weights.byteCount])
      return try decoder.decode()
    }
    try graph.validateDeeply()
    return graph
  }

  /// Checks every byte of the file at `path` against its checksums.
  /// - Throws: as `read`; a changed weight is corrupt too.
  public static func verify(_ path: String) throws {
    do {
      let file = try ByteRegion(contentsOf: path)
      _ = try read(file)
      try file.withUnsafeBytes { bytes in
        try check(try GraphFileHeader(reading: bytes).section(.weights), in: bytes, "weights")
      }
    } catch let error as GraphError {
      throw error.inside(path)
    }
  }

  /// Whether `bytes` begin as a `.graph` file does.
  public static func isGraphFile(_ bytes: ByteRegion) -> Bool {
    bytes.withUnsafeBytes { GraphFileHeader.isPresent(in: $0) }
  }

  /// Writes `graph` to `path`, which then holds the whole of it or, on an error, what it held before.
  /// - Throws: `FileError` where the file can't be written, `GraphError` for links to values that are not there.
  public static func write(_ graph: Graph, to path: String) throws {
    var encoder = DescriptionEncoder()
    encoder.write(graph)
    if let id = encoder.missing {
      throw GraphError(.invalidGraph, "the graph refers to the value #\(id.rawValue), which is not there")
    }
    let start = roundUp(GraphFileHeader.byteCount(sections: 2), to: 64)
    let weightsStart = roundUp(start + encoder.bytes.count, to: weightsAlignment)
    let size = weightsStart + encoder.weightsByteCount
    try AtomicFile.write(to: path) { file in
      let weightsChecksum = weightsChecksum(of: encoder)
      let header = GraphFileHeader(
        sections: [
          .init(
            kind: GraphFileHeader.SectionKind.description.rawValue, offset: start,
            byteCount: encoder.bytes.count,
            checksum: encoder.bytes.withUnsafeBytes(Checksum.of)),
          .init(
            kind: GraphFileHeader.SectionKind.weights.rawValue, offset: weightsStart,
            byteCount: encoder.weightsByteCount, checksum: weightsChecksum),
        ], fileByteCount: size)
      var pieces = HugePageWriter()
      let head = header.bytes
      try pieces.write(head, to: file)
      try pieces.write(zeros: start - head.count, to: file)
      try pieces.write(encoder.bytes, to: file)
      try pieces.write(zeros: weightsStart - start - encoder.bytes.count, to: file)
      for (_, region) in encoder.weights {
        try region.withUnsafeBytes { try pieces.write($0, to: file) }
        try pieces.write(zeros: roundUp(region.count, to: 64) - region.count, to: file)
      }
      try pieces.finish(file)
    }
  }

  /// Holds a section's bytes against its checksum.
  private static func check(
    _ section: GraphFileHeader.Section, in file: UnsafeRawBufferPointer, _ name: String
  ) throws {
    let bytes = UnsafeRawBufferPointer(rebasing: file[section.offset..<section.offset + section.byteCount])
    guard Checksum.of(bytes) == section.checksum else { throw GraphFileHeader.corrupt("its \(name)") }
  }

  /// The checksum of the weights section as it will be written.
  private static func weightsChecksum(of encoder: DescriptionEncoder) -> UInt64 {
    var checksum = Checksum(byteCount: encoder.weightsByteCount)
    for (_, region) in encoder.weights {
      region.withUnsafeBytes { checksum.add($0) }
      let blocks = (region.count + 31) / 32
      if blocks % 2 == 1 { checksum.add(block: .zero) }
    }
    return checksum.value
  }

  private static func roundUp(_ count: Int, to unit: Int) -> Int { (count + unit - 1) / unit * unit }
}
