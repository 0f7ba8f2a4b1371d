/// A computation: nodes in topological order over values linked by ids.
///
/// A value type of plain structs. Building appends (`addInput`, `addInitializer`, `addNode`...); change goes
/// through `GraphPatch`, which keeps the order and the links right.
public struct Graph: Sendable {
  public var name: String
  /// In topological order: a node stands behind the makers of all it reads.
  public internal(set) var nodes: [Node] = []
  public internal(set) var values: [Value.ID: Value] = [:]
  public internal(set) var inputs: [Value.ID] = []
  public internal(set) var outputs: [Value.ID] = []
  /// The constants: trained weights and folded values.
  public internal(set) var initializers: [Value.ID: Tensor] = [:]
  /// Constants that kernels made from initializers ahead of time, and that a `.graph` keeps.
  public internal(set) var derivedConstants: [DerivedConstant: Tensor] = [:]
  /// What the passes did to the graph; empty for one that is not optimised yet.
  public var passReports: [PassReport] = []
  /// Key-value pairs carried along from the model and with a `.graph` (class names, what was derived...).
  public var metadata: [String: String] = [:]
  /// The opset the graph was imported from, by domain (empty for ONNX's own); for messages and reports only, because
  /// the nodes have the newest opset's meaning.
  public var opsets: [String: Int] = [:]

  private var nextValue = 0
  private var nextNode = 0
  private var namesInUse: Set<String> = []
  /// Where the search for a free number starts, so that a thousand values of one name take a thousand steps.
  private var nextSuffix: [String: Int] = [:]

  public init(name: String = "") { self.name = name }

  public subscript(id: Value.ID) -> Value {
    get { values[id]! }
    set { values[id] = newValue }
  }

  /// The value of that name among inputs and outputs; nil where there is none.
  public func interfaceValue(named name: String) -> Value? {
    (inputs + outputs).lazy.map { values[$0]! }.first { $0.name == name }
  }
}

/// Names a constant that a kernel makes from an initializer: packed or transformed weights.
public struct DerivedConstant: Sendable, Hashable {
  public let source: Value.ID
  /// The kernel's name for what it makes: equal forms of one source are equal bytes.
  public let form: String
}

// MARK: - Building

extension Graph {
  /// Adds a value no node makes yet; a name already in use gets a number appended.
  @discardableResult
  public mutating func addValue(_ name: String, _ type: ValueType? = nil) -> Value.ID {
    let id = Value.ID(rawValue: nextValue)
    nextValue += 1
    values[id] = Value(id: id, name: claimName(name.isEmpty ? "value" : name), type: type)
    return id
  }

  /// Adds a graph input.
  @discardableResult
  public mutating func addInput(_ name: String, _ type: ValueType?) -> Value.ID {
    let id = addValue(name, type)
    inputs.append(id)
    return id
  }

  /// Adds a constant.
  @discardableResult
  public mutating func addInitializer(_ name: String, _ tensor: Tensor) -> Value.ID {
    let id = addValue(name, .tensor(tensor.type))
    initializers[id] = tensor
    return id
  }

  /// Makes an existing value a graph output.
  public mutating func addOutput(_ id: Value.ID) { outputs.append(id) }

  /// Appends a node over existing values; the caller keeps the topological order.
  @discardableResult
  public mutating func addNode(
    _ op: OperatorName, name: String = "", inputs: [Value.ID?], outputs: [Value.ID?],
    attributes: [String: Attribute] = [:]
  ) -> Node.ID {
    let id = Node.ID(rawValue: nextNode)
    nextNode += 1
    nodes.append(
      Node(id: id, name: name, op: op, inputs: inputs, outputs: outputs, attributes: attributes))
    return id
  }

  /// Appends a node with one new output value, and returns that value.
  @discardableResult
  public mutating func add(
    _ op: OperatorName, _ inputs: Value.ID?..., attributes: [String: Attribute] = [:], name: String = "",
    output: String = ""
  ) -> Value.ID {
    let result = addValue(output.isEmpty ? (name.isEmpty ? op.type : name) : output)
    addNode(
      op, name: name.isEmpty ? self[result].name : name, inputs: inputs, outputs: [result],
      attributes: attributes)
    return result
  }

  /// Forgets a value.
  mutating func remove(_ id: Value.ID) {
    if let value = values.removeValue(forKey: id) { namesInUse.remove(value.name) }
  }

  /// Gives a value another name; one already in use gets a number appended.
  public mutating func rename(_ id: Value.ID, to name: String) {
    namesInUse.remove(self[id].name)
    self[id].name = claimName(name)
  }

  /// `name`, or `name` with the first free number appended.
  private mutating func claimName(_ name: String) -> String {
    if namesInUse.insert(name).inserted { return name }
    var suffix = nextSuffix[name] ?? 2
    while !namesInUse.insert("\(name)_\(suffix)").inserted { suffix += 1 }
    nextSuffix[name] = suffix + 1
    return "\(name)_\(suffix)"
  }
}

// MARK: - Links

extension Graph {
  /// The node that makes each value.
  public var producers: [Value.ID: Node.ID] {
    var producers: [Value.ID: Node.ID] = [:]
    for node in nodes { for case let output? in node.outputs { producers[output] = node.id } }
    return producers
  }

  /// The nodes that read each value, subgraphs' captures included, in order.
  public var consumers: [Value.ID: [Node.ID]] {
    var consumers: [Value.ID: [Node.ID]] = [:]
    for node in nodes { for input in Set(node.reads) { consumers[input, default: []].append(node.id) } }
    return consumers
  }

  /// Index into `nodes` by id.
  public var nodeIndex: [Node.ID: Int] {
    Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.id, $0) })
  }
}
