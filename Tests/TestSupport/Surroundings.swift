import Foundation
import Testing

/// The folder of the package.
public let packageRoot = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path

/// Real models and pictures beside the package, which are not part of it: tests that use them are
/// marked `.needsShared`.
public enum Shared {
  private static let root = packageRoot + "/../shared"

  public static let isPresent = FileManager.default.fileExists(atPath: root + "/data")

  /// The path of `name` in ../shared, as in `data/models/googlenet.onnx`.
  public static func path(_ name: String) -> String { "\(root)/\(name)" }
}

/// The Python of `.venv` (scripts/setup-venv.sh), with NumPy, onnx, ONNX Runtime and Pillow: tests that compare with
/// them are marked `.needsPython`.
public enum Python {
  private static let executable = packageRoot + "/.venv/bin/python"

  public static let isPresent = FileManager.default.isExecutableFile(atPath: executable)

  /// Runs a script and returns what it prints.
  /// - Throws: `ProcessFailure` where it exits with anything but 0.
  @discardableResult
  public static func run(_ script: String, arguments: [String] = []) throws -> String {
    let result = try TestSupport.run(executable, arguments: ["-c", script] + arguments)
    guard result.status == 0 else { throw ProcessFailure(result: result) }
    return result.output
  }

  /// Runs a script file and returns what it prints.
  @discardableResult
  public static func run(file: String, arguments: [String] = []) throws -> String {
    let result = try TestSupport.run(executable, arguments: [file] + arguments)
    guard result.status == 0 else { throw ProcessFailure(result: result) }
    return result.output
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips the test where ../shared is not there.
  public static var needsShared: Self { .enabled(if: Shared.isPresent, "../shared is not here") }

  /// Skips the test where .venv is not there.
  public static var needsPython: Self {
    .enabled(if: Python.isPresent, ".venv is not here (scripts/setup-venv.sh makes it)")
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips the test in a debug build, whose kernels are a hundred times slower.
  public static var needsOptimizedBuild: Self {
    #if DEBUG
      .disabled("too slow in a debug build")
    #else
      .enabled(if: true)
    #endif
  }
}

/// What a finished process left.
public struct ProcessResult: Sendable {
  public let status: Int32
  public let output: String
  public let errors: String
}

public struct ProcessFailure: Error, CustomStringConvertible {
  public let result: ProcessResult
  public var description: String { "exit \(result.status): \(result.errors)" }
}

/// Runs an executable to its end, with nothing on its standard input.
public func run(
  _ executable: String, arguments: [String], in folder: String? = nil
) throws -> ProcessResult {
  let process = Process()
  process.executableURL = URL(filePath: executable)
  process.arguments = arguments
  if let folder { process.currentDirectoryURL = URL(filePath: folder) }
  process.standardInput = FileHandle.nullDevice
  // Files, not pipes: a process that writes much to both would wait for a reader of each.
  let scratch = try TemporaryFolder()
  let files = ["output", "errors"].map { scratch.path($0) }
  let handles = try files.map { path in
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    return try FileHandle(forWritingTo: URL(filePath: path))
  }
  process.standardOutput = handles[0]
  process.standardError = handles[1]
  try process.run()
  process.waitUntilExit()
  let texts = files.map {
    String(decoding: FileManager.default.contents(atPath: $0) ?? Data(), as: UTF8.self)
  }
  return ProcessResult(status: process.terminationStatus, output: texts[0], errors: texts[1])
}

/// A folder that goes with this object.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "csn-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// The path of `name` in the folder.
  public func path(_ name: String) -> String { "\(path)/\(name)" }

  /// The names of the files in the folder, hidden ones included.
  public var content: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The path of one of the package's executables, which are built beside the tests.
public func executablePath(_ name: String) throws -> String {
  let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  return URL(filePath: tests).deletingLastPathComponent().appending(path: name).path
}

/// Runs one of the package's executables.
public func runExecutable(
  _ name: String, _ arguments: [String], in folder: TemporaryFolder? = nil
) throws -> ProcessResult {
  try run(executablePath(name), arguments: arguments, in: folder?.path)
}
