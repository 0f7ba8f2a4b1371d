import ONNXParse

/// Strings as kernels see them: handles of 8 bytes, the same for equal strings, so that whatever moves, selects or
/// compares elements does so with strings too.
final class StringTable {
  private var strings: [String] = []
  private var handles: [String: UInt64] = [:]

  /// The handles of a tensor's strings.
  func handles(of tensor: Tensor) -> ByteRegion {
    let strings = tensor.strings ?? []
    return ByteRegion(count: strings.count * MemoryLayout<UInt64>.stride) { bytes in
      for (index, string) in strings.enumerated() {
        bytes.storeBytes(of: handle(of: string), toByteOffset: index * 8, as: UInt64.self)
      }
    }
  }

  private func handle(of string: String) -> UInt64 {
    if let handle = handles[string] { return handle }
    let handle = UInt64(strings.count)
    strings.append(string)
    handles[string] = handle
    return handle
  }

  /// The tensor of the strings that `handles` stand for.
  func tensor(of handles: ByteRegion, shape: [Int]) throws -> Tensor {
    let strings = try handles.withUnsafeBytes { bytes in
      try bytes.bindMemory(to: UInt64.self).map { handle in
        guard handle < UInt64(self.strings.count) else {
          throw GraphError(.unsupportedType, "the operator can't make strings")
        }
        return self.strings[Int(handle)]
      }
    }
    return try Tensor(shape: shape, strings: strings)
  }
}
