import GraphRuntime
import ONNXParse

/// NumPy's `.npz` files: arrays by name, as a ZIP archive of `.npy` files.
public enum NPZ {
  /// What compressed arrays may take in memory together.
  public static let defaultLimit = 8 << 30

  /// Reads a file. Arrays that are stored, not compressed, are used where the mapped file holds them.
  /// - Throws: `FileError` that says what is wrong with the file.
  public static func read(from path: String, limit: Int = defaultLimit) throws -> NamedTensors {
    try decode(ByteRegion(contentsOf: path), name: path, limit: limit)
  }

  /// Reads a file's bytes; `name` is for messages.
  public static func decode(_ bytes: ByteRegion, name: String, limit: Int = defaultLimit) throws
    -> NamedTensors
  {
    let archive = try ZipReader(bytes, name: name)
    var tensors = NamedTensors()
    var budget = limit
    for (index, entry) in archive.entries.enumerated() {
      let content = try archive.content(at: index, limit: budget)
      if entry.method != 0 { budget -= content.count }
      let key = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
      let tensor = try NPY.decode(content, name: "\(name): '\(key)'")
      guard tensors.append(tensor, named: key) else { throw FileError(name, "holds two arrays '\(key)'") }
    }
    return tensors
  }

  /// Writes a file, uncompressed, which takes its name only when it is whole.
  /// - Throws: `FileError` where an element type has no counterpart in NumPy.
  public static func write(_ tensors: NamedTensors, to path: String) throws {
    try AtomicFile.write([part(tensors, path)])
  }

  /// The file that `write` writes, to be written with others.
  /// - Throws: `FileError` where an element type has no counterpart in NumPy.
  public static func part(_ tensors: NamedTensors, _ path: String) throws -> AtomicFile.Part {
    let arrays = try tensors.map { name, tensor in
      (name: name, encoded: try NPY.encoded(tensor, name: "\(path): '\(name)'"))
    }
    return AtomicFile.Part(path) { file in
      var archive = ZipWriter()
      for (name, encoded) in arrays {
        guard name.utf8.count < 0xFF00 else { throw FileError(path, "a name is too long") }
        try encoded.header.withUnsafeBytes { header in
          try encoded.data.withUnsafeBytes { data in
            try file.write(archive.header(of: name + ".npy", parts: [header, data]))
            try file.write(header)
            try file.write(data)
          }
        }
      }
      try file.write(archive.directory())
    }
  }
}
