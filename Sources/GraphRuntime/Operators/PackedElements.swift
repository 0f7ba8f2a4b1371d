import ONNXParse

/// Access to elements of 2 and 4 bits, which ONNX packs from the low bits of a byte upwards.
enum PackedElements {
  /// Writes each of `count` packed elements of `bits` bits to a byte of its own, its high bits zero.
  static func unpack(
    _ source: UnsafePointer<UInt8>, bits: Int, to target: UnsafeMutablePointer<UInt8>, count: Int
  ) {
    let perByte = 8 / bits
    let mask = UInt8((1 << bits) - 1)
    for index in 0..<count {
      target[index] = (source[index / perByte] >> UInt8(index % perByte * bits)) & mask
    }
  }

  /// Packs the low `bits` bits of `count` bytes; the last byte is filled up with zeros.
  static func pack(
    _ source: UnsafePointer<UInt8>, bits: Int, to target: UnsafeMutablePointer<UInt8>, count: Int
  ) {
    let perByte = 8 / bits
    let mask = UInt8((1 << bits) - 1)
    for byte in 0..<ceilDivide(count, perByte) {
      var packed: UInt8 = 0
      for place in 0..<min(perByte, count - byte * perByte) {
        packed |= (source[byte * perByte + place] & mask) << UInt8(place * bits)
      }
      target[byte] = packed
    }
  }
}

extension KernelBuilder {
  /// Prepares `body` with every operand of sub-byte elements replaced by one of bytes; steps before and after convert.
  mutating func unpacking(_ body: (inout KernelBuilder) throws -> Void) throws {
    let wideInputs = inputs.map { operand in operand.map { $0.isPacked ? scratchBytes(like: $0) : $0 } }
    for (narrow, wide) in zip(inputs, wideInputs) {
      guard let narrow, let wide, narrow.isPacked, let bits = narrow.elementType.bitWidth else { continue }
      emit { memory in
        PackedElements.unpack(
          memory.pointer(narrow.slot), bits: bits, to: memory.pointer(wide.slot), count: narrow.count)
      }
    }
    let wideOutputs = outputs.map { operand in operand.map { $0.isPacked ? scratchBytes(like: $0) : $0 } }
    var inner = KernelBuilder(
      node: node, inputs: wideInputs, outputs: wideOutputs, threads: threads, firstFreeSlot: nextSlot)
    try body(&inner)
    append(inner)
    for (narrow, wide) in zip(outputs, wideOutputs) {
      guard let narrow, let wide, narrow.isPacked, let bits = narrow.elementType.bitWidth else { continue }
      emit { memory in
        PackedElements.pack(
          memory.pointer(wide.slot), bits: bits, to: memory.pointer(narrow.slot), count: narrow.count)
      }
    }
  }

  private mutating func scratchBytes(like operand: Operand) -> Operand {
    Operand(
      slot: addScratch(byteCount: operand.count), type: TensorType(.uint8, operand.type.shape),
      shape: operand.shape,
      constant: nil)
  }
}

extension KernelBuilder.Operand {
  /// Whether several elements share a byte.
  var isPacked: Bool { elementType.storedWidth == nil }
}
