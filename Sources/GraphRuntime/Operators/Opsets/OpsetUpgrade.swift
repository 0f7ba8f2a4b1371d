/// The one table of what changed in the meaning of ONNX's operators from opset to opset.
///
/// Only changes that alter how a node must be written down stand here: most new versions only take more types.
enum OpsetUpgrade {
  /// What must be done to a node of an opset older than `opset`.
  struct Change: Sendable {
    let opset: Int
    let apply: @Sendable (inout NodeUpgrade) throws -> Void

    init(before opset: Int, _ apply: @escaping @Sendable (inout NodeUpgrade) throws -> Void) {
      self.opset = opset
      self.apply = apply
    }

    /// A change that concerns nodes of any opset: operators that were withdrawn.
    init(always apply: @escaping @Sendable (inout NodeUpgrade) throws -> Void) {
      self.init(before: .max, apply)
    }
  }

  /// Gives a node of the given opset the newest one's meaning.
  static func apply(to node: inout NodeUpgrade, opset: Int) throws {
    guard node.op.domain.isEmpty else { return }
    // A hint of the first opset about memory, which all operators had.
    if opset < 6 { node.attributes["consumed_inputs"] = nil }
    for change in changes[node.op.type] ?? [] where opset < change.opset { try change.apply(&node) }
  }

  /// The operators that no node keeps.
  static var withdrawnNames: [String] {
    changes.filter { $0.value.contains { $0.opset == .max } }.map(\.key)
  }

  /// By operator, oldest change first.
  private static let changes: [String: [Change]] = {
    var table: [String: [Change]] = [:]
    for family in [
      constants, inputs, broadcasting, normalization, pooling, resizing, softmax, scan, renamed,
      withdrawn,
    ] {
      table.merge(family) { $0 + $1 }
    }
    return table
  }()
}
