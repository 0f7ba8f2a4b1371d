import ONNXParse

/// Reads what `DescriptionEncoder` wrote, trusting nothing: every length is held against the bytes that are left, every
/// index against the values there are, every tensor against the weights.
struct DescriptionDecoder {
  private let bytes: UnsafeRawBufferPointer
  private let weights: ByteRegion
  private var position = 0
  private var depth = 0

  init(_ bytes: UnsafeRawBufferPointer, weights: ByteRegion) {
    self.bytes = bytes
    self.weights = weights
  }

  /// The whole description.
  mutating func decode() throws -> Graph {
    let graph = try readGraph().graph
    guard position == bytes.count else { throw corrupt("its length") }
    return graph
  }

  private func corrupt(_ what: String) -> GraphError { GraphFileHeader.corrupt("its description (\(what))") }

  private mutating func nested<T>(_ body: (inout DescriptionDecoder) throws -> T) throws -> T {
    guard depth < Subgraph.deepestNesting else { throw corrupt("nesting") }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  /// A graph, its values' ids by index, and what it captures (for a subgraph, read by the caller).
  private mutating func readGraph(outer: [Value.ID] = []) throws -> (graph: Graph, ids: [Value.ID]) {
    var graph = Graph(name: try string())
    graph.metadata = try pairs { try $0.string() }
    graph.opsets = try pairs { try $0.signed() }
    graph.passReports = try list { PassReport(name: try $0.string(), changes: try $0.count(bounded: false)) }
    let ids = try list { decoder in
      let name = try decoder.string()
      let type = try decoder.optional { try $0.valueType() }
      let id = graph.addValue(name, type)
      guard graph[id].name == name else { throw decoder.corrupt("the name '\(name)' is there twice") }
      return id
    }
    graph.inputs = try list { try $0.value(ids) }
    graph.outputs = try list { try $0.value(ids) }
    guard Set(graph.inputs).count == graph.inputs.count else { throw corrupt("inputs") }
    for _ in 0..<(try count()) { graph.initializers[try value(ids)] = try tensor() }
    for _ in 0..<(try count()) { try readNode(into: &graph, ids) }
    for _ in 0..<(try count()) {
      let source = try value(ids)
      graph.derivedConstants[DerivedConstant(source: source, form: try string())] = try tensor()
    }
    return (graph, ids)
  }

  private mutating func readNode(into graph: inout Graph, _ ids: [Value.ID]) throws {
    let name = try string()
    let domain = try string()
    let op = OperatorName(try string(), domain: domain)
    let inputs = try list { try $0.optionalValue(ids) }
    let outputs = try list { try $0.optionalValue(ids) }
    let attributes = try pairs { try $0.attribute(outer: ids) }
    graph.addNode(op, name: name, inputs: inputs, outputs: outputs, attributes: attributes)
  }
}

extension DescriptionDecoder {
  private mutating func attribute(outer: [Value.ID]) throws -> Attribute {
    guard let tag = DescriptionTag.Attribute(rawValue: try byte()) else { throw corrupt("attribute") }
    return switch tag {
    case .int: .int(try signed())
    case .ints: .ints(try list { try $0.signed() })
    case .float: .float(try float())
    case .floats: .floats(try list { try $0.float() })
    case .string: .string(try string())
    case .strings: .strings(try list { try $0.string() })
    case .tensor: .tensor(try tensor())
    case .tensors: .tensors(try list { try $0.tensor() })
    case .graph: .graph(try subgraph(outer: outer))
    case .graphs: .graphs(try list { try $0.subgraph(outer: outer) })
    case .type: .type(try valueType())
    case .types: .types(try list { try $0.valueType() })
    }
  }

  private mutating func subgraph(outer: [Value.ID]) throws -> Subgraph {
    try nested { decoder in
      let (graph, inner) = try decoder.readGraph()
      let captures = try decoder.list { decoder in
        Subgraph.Capture(
          outer: try decoder.element(of: outer, at: decoder.count(bounded: false)),
          inner: try decoder.element(of: inner, at: decoder.count(bounded: false)))
      }
      return Subgraph(graph: graph, captures: captures)
    }
  }

  private mutating func valueType() throws -> ValueType {
    try nested { decoder in
      guard let tag = DescriptionTag.ValueType(rawValue: try decoder.byte()) else {
        throw decoder.corrupt("type")
      }
      switch tag {
      case .tensor:
        let elementType = try decoder.elementType()
        // Only the planner makes other layouts than the row-major one.
        guard try decoder.byte() == 0 else { throw decoder.corrupt("layout") }
        let shape = try decoder.optional { try $0.list { try $0.dimension() } }
        return .tensor(TensorType(elementType, shape))
      case .sequence: return .sequence(try decoder.optional { try $0.valueType() })
      case .optional: return .optional(try decoder.optional { try $0.valueType() })
      }
    }
  }

  private mutating func dimension() throws -> Dimension {
    guard let tag = DescriptionTag.Dimension(rawValue: try byte()) else { throw corrupt("dimension") }
    switch tag {
    case .unknown: return .unknown
    case .fixed:
      let value = try signed()
      guard value >= 0 else { throw corrupt("extent") }
      return .fixed(value)
    case .symbolic:
      let constant = try term()
      return .symbolic(SymbolicExpression(terms: try pairs { try $0.term() }, constant: constant))
    }
  }

  /// A number of an expression in symbols.
  private mutating func term() throws -> Int {
    let value = try signed()
    guard value.magnitude <= 1 << 40 else { throw corrupt("expression") }
    return value
  }

  private mutating func elementType() throws -> ElementType {
    guard let type = Int32(exactly: try varint()).flatMap(ElementType.init(rawValue:)) else {
      throw corrupt("element type")
    }
    return type
  }

  private mutating func tensor() throws -> Tensor {
    let elementType = try elementType()
    let shape = try list { try $0.count(bounded: false) }
    if elementType == .string { return try Tensor(shape: shape, strings: list { try $0.string() }) }
    let offset = try count(bounded: false)
    guard let size = shape.elementCount.flatMap(elementType.byteCount(of:)), offset % 64 == 0,
      offset <= weights.count, size <= weights.count - offset
    else { throw corrupt("a tensor \(elementType)\(shape) lies outside the weights") }
    return try Tensor(elementType, shape: shape, bytes: weights[offset..<offset + size])
  }
}

extension DescriptionDecoder {
  private mutating func byte() throws -> UInt8 {
    guard position < bytes.count else { throw corrupt("it ends too early") }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, through: 63, by: 7) {
      let next = try byte()
      guard shift < 63 || next <= 1 else { break }
      value |= UInt64(next & 0x7F) << UInt64(shift)
      if next < 0x80 { return value }
    }
    throw corrupt("number")
  }

  private mutating func signed() throws -> Int {
    let value = try varint()
    return Int(bitPattern: UInt(value >> 1)) ^ -Int(value & 1)
  }

  /// A number that is not negative; a bounded one counts things that follow, of at least a byte each.
  private mutating func count(bounded: Bool = true) throws -> Int {
    guard let count = Int(exactly: try varint()), !bounded || count <= bytes.count - position else {
      throw corrupt("count")
    }
    return count
  }

  private mutating func float() throws -> Float {
    guard bytes.count - position >= 4 else { throw corrupt("it ends too early") }
    defer { position += 4 }
    return Float(
      bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
  }

  private mutating func string() throws -> String {
    let length = try count()
    defer { position += length }
    guard let string = String(validating: bytes[position..<position + length], as: UTF8.self) else {
      throw corrupt("text")
    }
    return string
  }

  private mutating func optional<T>(_ body: (inout DescriptionDecoder) throws -> T) throws -> T? {
    switch try byte() {
    case 0: nil
    case 1: try body(&self)
    default: throw corrupt("flag")
    }
  }

  private mutating func list<T>(_ body: (inout DescriptionDecoder) throws -> T) throws -> [T] {
    let count = try count()
    var elements: [T] = []
    for _ in 0..<count { elements.append(try body(&self)) }
    return elements
  }

  private mutating func pairs<T>(_ body: (inout DescriptionDecoder) throws -> T) throws -> [String: T] {
    var pairs: [String: T] = [:]
    for _ in 0..<(try count()) {
      let key = try string()
      guard pairs.updateValue(try body(&self), forKey: key) == nil else {
        throw corrupt("'\(key)' is there twice")
      }
    }
    return pairs
  }

  private func element(of ids: [Value.ID], at index: Int) throws -> Value.ID {
    guard ids.indices.contains(index) else { throw corrupt("value") }
    return ids[index]
  }

  private mutating func optionalValue(_ ids: [Value.ID]) throws -> Value.ID? {
    let index = try count(bounded: false)
    return index == 0 ? nil : try element(of: ids, at: index - 1)
  }

  private mutating func value(_ ids: [Value.ID]) throws -> Value.ID {
    guard let id = try optionalValue(ids) else { throw corrupt("value") }
    return id
  }
}
