import Glibc

/// Finds and maps the files in which a model's tensors keep their data.
///
/// A location is followed only inside the model's folder. Where the model's file is itself a symbolic link, as in model
/// caches that keep all contents in one folder, the folder the link leads to counts as well. What was opened is
/// judged, not what a path named a moment before.
final class ExternalDataReader {
  /// Opened when the first location is followed: most models have none.
  private lazy var roots = Result { try openRoots() }
  private let openRoots: () throws -> [Root]
  private var files: [String: ByteRegion] = [:]

  private struct Root {
    let folder: OpenFile
    /// Absolute and free of symbolic links.
    let path: String

    init(_ path: String) throws {
      folder = try OpenFile(path, OpenFile.pathOnly | O_DIRECTORY)
      self.path = try folder.resolvedPath()
    }

    func contains(_ file: String) -> Bool { file.hasPrefix(path == "/" ? path : path + "/") }
  }

  /// Follows locations inside `directory`.
  init(directory: String) { openRoots = { [try Root(directory)] } }

  /// Follows locations inside the folder of the open file `model`.
  init(beside model: OpenFile) {
    openRoots = {
      let root = try Root(model.path.parentFolder)
      // A pipe lies in no folder.
      let target = try model.resolvedPath().parentFolder
      return target.hasPrefix("/") && target != root.path ? [root, try Root(target)] : [root]
    }
  }

  /// Gives `tensor`, whose data is external, the bytes that its entries point to.
  func resolve(_ tensor: inout TensorProto) throws {
    do {
      guard case .none = tensor.payload else {
        throw ONNXError(.externalData, "the tensor has data of its own and external data; keep one of them")
      }
      let reference = try ExternalDataReference(tensor.externalData)
      let file = try file(at: reference.location)
      tensor.payload = .external(file[try reference.range(inFileOf: file.count)])
    } catch let error as ONNXError {
      throw error.inside("tensor '\(tensor.name)'")
    }
  }

  private func file(at location: String) throws -> ByteRegion {
    if let file = files[location] { return file }
    let file = try open(location)
    files[location] = file
    return file
  }

  /// Maps the regular file at `location`; nothing is opened for reading before it is known where it lies.
  private func open(_ location: String) throws -> ByteRegion {
    let roots = try roots.get()
    var found: OpenFile?
    for root in roots where found == nil {
      found = try? OpenFile(location, OpenFile.pathOnly, in: root.folder)
    }
    guard let found else {
      throw ONNXError(.externalData, "there is no external data file '\(location)' beside the model")
    }
    let path = try found.resolvedPath()
    guard roots.contains(where: { $0.contains(path) }) else {
      throw ONNXError(
        .externalData,
        "location '\(location)' leads out of the model's folder, to '\(path)'; copy the file there")
    }
    guard try found.status().isRegularFile else {
      throw ONNXError(.externalData, "location '\(location)' is not a regular file")
    }
    return try ByteRegion(OpenFile("/proc/self/fd/\(found.descriptor)", O_RDONLY))
  }
}

/// The entries of a tensor's `external_data`, understood.
struct ExternalDataReference {
  let location: String
  let offset: Int
  /// nil where the data reaches to the end of the file.
  let length: Int?
  /// SHA-1 of the whole file, in hexadecimal digits.
  let checksum: String?

  /// - Throws: `ONNXError` where the location is not a path inside a folder, or a number is not one.
  init(_ entries: [StringStringEntry]) throws {
    func value(_ key: String) -> String? { entries.last { $0.key == key }?.value }
    location = value("location") ?? ""
    offset = try Self.number(value("offset"), "offset") ?? 0
    length = try Self.number(value("length"), "length")
    checksum = value("checksum")
    guard !location.isEmpty else { throw ONNXError(.externalData, "the external data has no location") }
    guard !location.hasPrefix("/"), !location.split(separator: "/").contains("..") else {
      throw ONNXError(
        .externalData, "location '\(location)' must be a path inside the model's folder, without '..'")
    }
  }

  private static func number(_ text: String?, _ key: String) throws -> Int? {
    guard let text else { return nil }
    guard let number = Int(text), number >= 0 else {
      throw ONNXError(.externalData, "\(key) '\(text)' is not a number of bytes")
    }
    return number
  }

  /// The bytes meant, in a file of `count` bytes.
  func range(inFileOf count: Int) throws -> Range<Int> {
    let (end, overflow) = offset.addingReportingOverflow(length ?? 0)
    guard offset <= count, !overflow, end <= count else {
      throw ONNXError(
        .externalData,
        "offset \(offset)\(length.map { " and length \($0)" } ?? "") go past the end of '\(location)' (\(count) bytes)"
      )
    }
    return offset..<(length == nil ? count : end)
  }
}
