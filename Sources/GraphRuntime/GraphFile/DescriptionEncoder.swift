import ONNXParse

/// Writes the description of a graph: numbers as LEB128 varints (signed ones zigzag), strings and lists by their
/// length first, values by their index. Tensors' bytes go to the weights, 64-byte aligned, each memory once.
struct DescriptionEncoder {
  private(set) var bytes: [UInt8] = []
  /// Tensors' memory in the order of the weights section, with the offsets there.
  private(set) var weights: [(offset: Int, bytes: ByteRegion)] = []
  private(set) var weightsByteCount = 0
  private var offsets: [MemoryKey: Int] = [:]
  /// A value that was referred to, but is not there: what was written then means nothing.
  private(set) var missing: Value.ID?

  private struct MemoryKey: Hashable {
    let start: UnsafeRawPointer
    let count: Int
  }

  mutating func write(_ graph: Graph) {
    write(graph.name)
    writePairs(graph.metadata) { $0.write($1) }
    writePairs(graph.opsets) { $0.write(signed: $1) }
    write(list: graph.passReports) { encoder, report in
      encoder.write(report.name)
      encoder.write(count: report.changes)
    }
    let ids = graph.values.keys.sorted()
    let index = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
    func writeIndex(_ id: Value.ID?) { write(count: id.map { place(of: $0, in: index) + 1 } ?? 0) }
    write(list: ids) { encoder, id in
      encoder.write(graph[id].name)
      encoder.write(optional: graph[id].type) { $0.write($1) }
    }
    for list in [graph.inputs, graph.outputs] {
      write(count: list.count)
      list.forEach(writeIndex)
    }
    let initializers = graph.initializers.sorted { $0.key < $1.key }
    write(count: initializers.count)
    for (id, tensor) in initializers {
      writeIndex(id)
      write(tensor)
    }
    write(count: graph.nodes.count)
    for node in graph.nodes {
      write(node.name)
      write(node.op.domain)
      write(node.op.type)
      for list in [node.inputs, node.outputs] {
        write(count: list.count)
        list.forEach(writeIndex)
      }
      let attributes = node.attributes.sorted { $0.key < $1.key }
      write(count: attributes.count)
      for (name, attribute) in attributes {
        write(name)
        write(attribute, outer: index)
      }
    }
    let derived = graph.derivedConstants.sorted {
      ($0.key.source, $0.key.form) < ($1.key.source, $1.key.form)
    }
    write(count: derived.count)
    for (key, tensor) in derived {
      writeIndex(key.source)
      write(key.form)
      write(tensor)
    }
  }
}

extension DescriptionEncoder {
  private mutating func write(_ attribute: Attribute, outer: [Value.ID: Int]) {
    switch attribute {
    case .int(let value): write(tag: .int) { $0.write(signed: value) }
    case .ints(let values): write(tag: .ints) { $0.write(list: values) { $0.write(signed: $1) } }
    case .float(let value): write(tag: .float) { $0.write(value) }
    case .floats(let values): write(tag: .floats) { $0.write(list: values) { $0.write($1) } }
    case .string(let value): write(tag: .string) { $0.write(value) }
    case .strings(let values): write(tag: .strings) { $0.write(list: values) { $0.write($1) } }
    case .tensor(let value): write(tag: .tensor) { $0.write(value) }
    case .tensors(let values): write(tag: .tensors) { $0.write(list: values) { $0.write($1) } }
    case .graph(let value): write(tag: .graph) { $0.write(value, outer: outer) }
    case .graphs(let values): write(tag: .graphs) { $0.write(list: values) { $0.write($1, outer: outer) } }
    case .type(let value): write(tag: .type) { $0.write(value) }
    case .types(let values): write(tag: .types) { $0.write(list: values) { $0.write($1) } }
    }
  }

  private mutating func place(of id: Value.ID, in index: [Value.ID: Int]) -> Int {
    if index[id] == nil { missing = id }
    return index[id] ?? 0
  }

  private mutating func write(tag: DescriptionTag.Attribute, _ body: (inout DescriptionEncoder) -> Void) {
    bytes.append(tag.rawValue)
    body(&self)
  }

  private mutating func write(_ subgraph: Subgraph, outer: [Value.ID: Int]) {
    write(subgraph.graph)
    let inner = Dictionary(
      uniqueKeysWithValues: subgraph.graph.values.keys.sorted().enumerated().map { ($1, $0) })
    write(list: subgraph.captures) { encoder, capture in
      encoder.write(count: encoder.place(of: capture.outer, in: outer))
      encoder.write(count: encoder.place(of: capture.inner, in: inner))
    }
  }

  private mutating func write(_ type: ValueType) {
    switch type {
    case .tensor(let tensor):
      bytes.append(DescriptionTag.ValueType.tensor.rawValue)
      bytes.append(varint: UInt64(tensor.elementType.rawValue))
      // Row-major, the one layout that a graph outside the planner has.
      bytes.append(0)
      write(optional: tensor.shape) { $0.write(list: $1) { $0.write($1) } }
    case .sequence(let element):
      bytes.append(DescriptionTag.ValueType.sequence.rawValue)
      write(optional: element) { $0.write($1) }
    case .optional(let element):
      bytes.append(DescriptionTag.ValueType.optional.rawValue)
      write(optional: element) { $0.write($1) }
    }
  }

  private mutating func write(_ dimension: Dimension) {
    switch dimension {
    case .unknown: bytes.append(DescriptionTag.Dimension.unknown.rawValue)
    case .fixed(let value):
      bytes.append(DescriptionTag.Dimension.fixed.rawValue)
      write(signed: value)
    case .symbolic(let expression):
      bytes.append(DescriptionTag.Dimension.symbolic.rawValue)
      write(signed: expression.constant)
      writePairs(expression.terms) { $0.write(signed: $1) }
    }
  }

  private mutating func write(_ tensor: Tensor) {
    bytes.append(varint: UInt64(tensor.elementType.rawValue))
    write(list: tensor.shape) { $0.write(count: $1) }
    if let strings = tensor.strings {
      write(list: strings) { $0.write($1) }
    } else if let region = tensor.bytes {
      write(count: offset(of: region))
    }
  }

  private mutating func offset(of region: ByteRegion) -> Int {
    let key = MemoryKey(start: region.start, count: region.count)
    if let known = offsets[key] { return known }
    let offset = weightsByteCount
    weights.append((offset, region))
    weightsByteCount += (region.count + 63) / 64 * 64
    offsets[key] = offset
    return offset
  }
}

extension DescriptionEncoder {
  private mutating func write(count: Int) { bytes.append(varint: UInt64(count)) }

  private mutating func write(signed value: Int) {
    bytes.append(varint: UInt64(bitPattern: Int64((value << 1) ^ (value >> 63))))
  }

  private mutating func write(_ value: Float) {
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private mutating func write(_ string: String) {
    write(count: string.utf8.count)
    bytes.append(contentsOf: string.utf8)
  }

  private mutating func write<T>(optional value: T?, _ body: (inout DescriptionEncoder, T) -> Void) {
    bytes.append(value == nil ? 0 : 1)
    if let value { body(&self, value) }
  }

  private mutating func write<T>(list: [T], _ body: (inout DescriptionEncoder, T) -> Void) {
    write(count: list.count)
    for element in list { body(&self, element) }
  }

  private mutating func writePairs<T>(_ pairs: [String: T], _ body: (inout DescriptionEncoder, T) -> Void) {
    write(list: pairs.sorted { $0.key < $1.key }) { encoder, pair in
      encoder.write(pair.key)
      body(&encoder, pair.value)
    }
  }
}

/// The bytes that say what follows.
enum DescriptionTag {
  enum Attribute: UInt8 {
    case int = 1
    case ints, float, floats, string, strings, tensor, tensors, graph, graphs, type, types
  }

  enum ValueType: UInt8 {
    case tensor = 1
    case sequence, optional
  }

  enum Dimension: UInt8 {
    case unknown = 0
    case fixed, symbolic
  }
}

extension [UInt8] {
  /// Appends seven bits a byte, lowest first, the high bit set on all but the last.
  fileprivate mutating func append(varint value: UInt64) {
    var value = value
    while value >= 0x80 {
      append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    append(UInt8(value))
  }
}
