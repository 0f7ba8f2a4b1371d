import ONNXParse

/// Conversion between any two element types with the meaning of ONNX Cast-25, in stretches through one of two wide
/// types: `Double` for floating-point sources, `Int64` for the others.
enum Conversion {
  /// How values beyond a narrow floating-point type's range are rounded.
  struct Options: Sendable {
    /// float8: to the largest finite value, and not to infinity or NaN (Cast's `saturate`).
    var saturate = true
    /// float8e8m0: `up`, `down` or `nearest` (Cast's `round_mode`).
    var roundMode = "up"
  }

  private static let stretch = 512

  /// Converts `count` elements from `start` on; `start` must be a multiple of 8.
  static func convert(
    _ source: UnsafeRawPointer, _ sourceType: ElementType, _ target: UnsafeMutableRawPointer,
    _ targetType: ElementType, start: Int, count: Int, options: Options = Options()
  ) {
    if sourceType.isFloat {
      withUnsafeTemporaryAllocation(of: Double.self, capacity: stretch) { wide in
        for first in Swift.stride(from: start, to: start + count, by: stretch) {
          let count = min(stretch, start + count - first)
          decode(source, sourceType, from: first, to: wide.baseAddress!, count: count)
          encode(wide.baseAddress!, to: target, targetType, from: first, count: count, options: options)
        }
      }
    } else {
      withUnsafeTemporaryAllocation(of: Int64.self, capacity: stretch) { wide in
        for first in Swift.stride(from: start, to: start + count, by: stretch) {
          let count = min(stretch, start + count - first)
          decode(source, sourceType, from: first, to: wide.baseAddress!, count: count)
          encode(
            wide.baseAddress!, unsigned: sourceType == .uint64, to: target, targetType, from: first,
            count: count,
            options: options)
        }
      }
    }
  }

  // MARK: Decoding

  private static func decode(
    _ source: UnsafeRawPointer, _ type: ElementType, from first: Int, to wide: UnsafeMutablePointer<Double>,
    count: Int
  ) {
    switch type {
    case .float32: read(source, first, count, wide) { (x: Float) in Double(x) }
    case .float64: read(source, first, count, wide) { (x: Double) in x }
    case .float16: read(source, first, count, wide) { (x: Float16) in Double(x) }
    case .bfloat16: read(source, first, count, wide) { (x: UInt16) in Double(HalfWidth.fromBFloat16(x)) }
    case .float4e2m1: readPacked(source, 4, first, count, wide) { Double(NarrowFloat.float4e2m1.decode($0)) }
    default:
      guard let format = NarrowFloat(type) else { return }
      read(source, first, count, wide) { (x: UInt8) in Double(format.decode(x)) }
    }
  }

  private static func decode(
    _ source: UnsafeRawPointer, _ type: ElementType, from first: Int, to wide: UnsafeMutablePointer<Int64>,
    count: Int
  ) {
    switch type {
    case .int8: read(source, first, count, wide) { (x: Int8) in Int64(x) }
    case .int16: read(source, first, count, wide) { (x: Int16) in Int64(x) }
    case .int32: read(source, first, count, wide) { (x: Int32) in Int64(x) }
    case .int64: read(source, first, count, wide) { (x: Int64) in x }
    case .uint8: read(source, first, count, wide) { (x: UInt8) in Int64(x) }
    case .bool: read(source, first, count, wide) { (x: UInt8) in x == 0 ? 0 : 1 }
    case .uint16: read(source, first, count, wide) { (x: UInt16) in Int64(x) }
    case .uint32: read(source, first, count, wide) { (x: UInt32) in Int64(x) }
    case .uint64: read(source, first, count, wide) { (x: UInt64) in Int64(bitPattern: x) }
    case .uint4: readPacked(source, 4, first, count, wide) { Int64($0) }
    case .int4: readPacked(source, 4, first, count, wide) { Int64(Int8(bitPattern: $0 << 4) >> 4) }
    case .uint2: readPacked(source, 2, first, count, wide) { Int64($0) }
    case .int2: readPacked(source, 2, first, count, wide) { Int64(Int8(bitPattern: $0 << 6) >> 6) }
    default: break
    }
  }

  @inline(__always)
  private static func read<Element, Wide>(
    _ source: UnsafeRawPointer, _ first: Int, _ count: Int, _ wide: UnsafeMutablePointer<Wide>,
    _ convert: (Element) -> Wide
  ) {
    let source = source.assumingMemoryBound(to: Element.self) + first
    for index in 0..<count { wide[index] = convert(source[index]) }
  }

  @inline(__always)
  private static func readPacked<Wide>(
    _ source: UnsafeRawPointer, _ bits: Int, _ first: Int, _ count: Int, _ wide: UnsafeMutablePointer<Wide>,
    _ convert: (UInt8) -> Wide
  ) {
    let source = source.assumingMemoryBound(to: UInt8.self)
    let (perByte, mask) = (8 / bits, UInt8((1 << bits) - 1))
    for index in 0..<count {
      let place = first + index
      wide[index] = convert((source[place / perByte] >> UInt8(place % perByte * bits)) & mask)
    }
  }

  // MARK: Encoding

  private static func encode(
    _ wide: UnsafePointer<Double>, to target: UnsafeMutableRawPointer, _ type: ElementType, from first: Int,
    count: Int, options: Options
  ) {
    switch type {
    case .float32: write(wide, target, first, count) { Float($0) }
    case .float64: write(wide, target, first, count) { $0 }
    case .float16: write(wide, target, first, count) { Float16($0) }
    case .bfloat16: write(wide, target, first, count) { HalfWidth.toBFloat16(Float($0)) }
    case .bool: write(wide, target, first, count) { $0 != 0 ? 1 : 0 as UInt8 }
    case .uint64:
      write(wide, target, first, count) {
        $0 >= 0x1p63 ? UInt64(clamping: $0) : UInt64(truncatingIfNeeded: integer($0))
      }
    case .float4e2m1:
      writePacked(target, 4, first, count) { NarrowFloat.float4e2m1.encode(Float(wide[$0]), options) }
    default:
      if let format = NarrowFloat(type) {
        return write(wide, target, first, count) { format.encode(Float($0), options) }
      }
      withUnsafeTemporaryAllocation(of: Int64.self, capacity: count) { integers in
        for index in 0..<count { integers[index] = integer(wide[index]) }
        encode(
          integers.baseAddress!, unsigned: false, to: target, type, from: first, count: count,
          options: options)
      }
    }
  }

  /// Truncated; beyond the range of Int64 its nearest end, and 0 for a NaN.
  @inline(__always)
  private static func integer(_ value: Double) -> Int64 {
    value > -0x1p63 && value < 0x1p63 ? Int64(value) : Int64(clamping: value)
  }

  private static func encode(
    _ wide: UnsafePointer<Int64>, unsigned: Bool, to target: UnsafeMutableRawPointer, _ type: ElementType,
    from first: Int, count: Int, options: Options
  ) {
    switch type {
    case .int8, .uint8: write(wide, target, first, count) { UInt8(truncatingIfNeeded: $0) }
    case .int16, .uint16: write(wide, target, first, count) { UInt16(truncatingIfNeeded: $0) }
    case .int32, .uint32: write(wide, target, first, count) { UInt32(truncatingIfNeeded: $0) }
    case .int64, .uint64: write(wide, target, first, count) { $0 }
    case .bool: write(wide, target, first, count) { $0 != 0 ? 1 : 0 as UInt8 }
    case .uint4, .int4: writePacked(target, 4, first, count) { UInt8(truncatingIfNeeded: wide[$0]) }
    case .uint2, .int2: writePacked(target, 2, first, count) { UInt8(truncatingIfNeeded: wide[$0]) }
    case .float32 where !unsigned: write(wide, target, first, count) { Float($0) }
    default:
      withUnsafeTemporaryAllocation(of: Double.self, capacity: count) { floats in
        for index in 0..<count {
          floats[index] = unsigned ? Double(UInt64(bitPattern: wide[index])) : Double(wide[index])
        }
        encode(floats.baseAddress!, to: target, type, from: first, count: count, options: options)
      }
    }
  }

  @inline(__always)
  private static func write<Wide, Element>(
    _ wide: UnsafePointer<Wide>, _ target: UnsafeMutableRawPointer, _ first: Int, _ count: Int,
    _ convert: (Wide) -> Element
  ) {
    let target = target.assumingMemoryBound(to: Element.self) + first
    for index in 0..<count { target[index] = convert(wide[index]) }
  }

  @inline(__always)
  private static func writePacked(
    _ target: UnsafeMutableRawPointer, _ bits: Int, _ first: Int, _ count: Int, _ element: (Int) -> UInt8
  ) {
    let target = target.assumingMemoryBound(to: UInt8.self)
    let (perByte, mask) = (8 / bits, UInt8((1 << bits) - 1))
    for index in 0..<count {
      let place = first + index
      let shift = UInt8(place % perByte * bits)
      // A byte's first element clears the rest of it.
      let rest = shift == 0 ? 0 : target[place / perByte]
      target[place / perByte] = rest | ((element(index) & mask) << shift)
    }
  }
}

extension KernelBuilder {
  /// Emits the conversion of `source`'s elements to `target`'s type.
  mutating func emitConversion(_ source: Operand, _ target: Operand, options: Conversion.Options = .init()) {
    let (sourceType, targetType, count) = (source.elementType, target.elementType, target.count)
    emit { memory in
      let from = UnsafeRawPointer(memory.input(source, as: UInt8.self))
      let to = UnsafeMutableRawPointer(memory.output(target, as: UInt8.self))
      memory.forEachStretch(of: count) { range in
        Conversion.convert(
          from, sourceType, to, targetType, start: range.lowerBound, count: range.count, options: options)
      }
    }
  }

  /// Prepares `body` with some operands converted to other types: inputs before it, outputs after it.
  mutating func converting(
    inputs inputTypes: [Int: ElementType], outputs outputTypes: [Int: ElementType],
    _ body: (inout KernelBuilder) throws -> Void
  ) throws {
    func scratch(like operand: Operand, _ type: ElementType) throws -> Operand {
      guard let byteCount = type.byteCount(of: operand.count) else { throw unsupportedType(type) }
      return Operand(
        slot: addScratch(byteCount: byteCount), type: TensorType(type, operand.type.shape),
        shape: operand.shape,
        constant: nil)
    }
    var (inputs, outputs) = (self.inputs, self.outputs)
    for (index, type) in inputTypes.sorted(by: { $0.key < $1.key }) {
      guard let operand = optionalInput(index), operand.elementType != type else { continue }
      let converted = try scratch(like: operand, type)
      emitConversion(operand, converted)
      inputs[index] = converted
    }
    var pending: [(Operand, Operand)] = []
    for (index, type) in outputTypes.sorted(by: { $0.key < $1.key }) {
      guard let operand = optionalOutput(index), operand.elementType != type else { continue }
      let converted = try scratch(like: operand, type)
      outputs[index] = converted
      pending.append((converted, operand))
    }
    var inner = KernelBuilder(
      node: node, inputs: inputs, outputs: outputs, threads: threads, firstFreeSlot: nextSlot)
    try body(&inner)
    append(inner)
    for (from, to) in pending { emitConversion(from, to) }
  }
}
