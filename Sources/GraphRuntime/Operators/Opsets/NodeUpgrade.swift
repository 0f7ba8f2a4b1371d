import ONNXParse

/// A node on its way from a model into a graph, which upgrades rewrite from an older opset's meaning to the newest.
///
/// An upgrade may change the node itself, put nodes before it (`emit`) and behind it (`follow`), or put a constant in
/// its place.
struct NodeUpgrade {
  var op: OperatorName
  let name: String
  var inputs: [Value.ID?]
  var outputs: [Value.ID?]
  var attributes: [String: Attribute]
  private let scope: ImportScope
  /// Called with every node as it is added, to find its types.
  private let learn: (Node) -> Void
  private var following:
    [(op: OperatorName, inputs: [Value.ID?], output: Value.ID, attributes: [String: Attribute])] = []
  private var constant: Tensor?
  private var isDissolved = false

  init(
    _ op: OperatorName, name: String, inputs: [Value.ID?], outputs: [Value.ID?],
    attributes: [String: Attribute],
    scope: ImportScope, learn: @escaping (Node) -> Void
  ) {
    self.op = op
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
    self.scope = scope
    self.learn = learn
  }

  /// Adds what the upgrades made of the node to the graph.
  func finish() {
    if let constant {
      if case let id?? = outputs.first { scope.define(id, as: constant) }
      return
    }
    if !isDissolved { add(op, name, inputs, outputs, attributes) }
    for node in following { add(node.op, "\(name)/\(node.op)", node.inputs, [node.output], node.attributes) }
  }

  private func add(
    _ op: OperatorName, _ name: String, _ inputs: [Value.ID?], _ outputs: [Value.ID?],
    _ attributes: [String: Attribute]
  ) {
    // A list's end that is left out by name is as good as one left out by count.
    let inputs = inputs.reversed().drop { $0 == nil }.reversed()
    let outputs = outputs.reversed().drop { $0 == nil }.reversed()
    scope.graph.addNode(
      op, name: name, inputs: Array(inputs), outputs: Array(outputs), attributes: attributes)
    if let node = scope.graph.nodes.last { learn(node) }
  }
}

// MARK: - What is known

extension NodeUpgrade {
  func input(_ index: Int) -> Value.ID? { inputs.indices.contains(index) ? inputs[index] : nil }
  func output(_ index: Int) -> Value.ID? { outputs.indices.contains(index) ? outputs[index] : nil }

  private func type(_ index: Int) -> TensorType? {
    input(index).flatMap { scope.knowledge.types[$0]?.tensor }
  }

  /// The shape of an input; nil where it is not known yet.
  func shape(_ index: Int) -> Shape? { type(index)?.shape }
  func rank(_ index: Int) -> Int? { shape(index)?.count }
  func elementType(_ index: Int) -> ElementType? { type(index)?.elementType }

  /// The contents of an input; nil where it is no constant.
  func constant(_ index: Int) -> Tensor? { input(index).flatMap { scope.knowledge.constants[$0] } }

  /// `axis` counted from the front, for a tensor of `rank` axes.
  func normalized(_ axis: Int, rank: Int) throws -> Int {
    guard (-rank...rank).contains(axis) else {
      throw GraphError(.invalidAttribute, "axis \(axis) is out of range for rank \(rank)")
    }
    return axis < 0 ? axis + rank : axis
  }
}

// MARK: - Attributes

extension NodeUpgrade {
  /// Removes an attribute and returns its value; nil where it is absent.
  /// - Throws: `GraphError` where it is of another kind.
  mutating func takeInt(_ name: String) throws -> Int? { try take(name, \.int, "an int") }
  mutating func takeInts(_ name: String) throws -> [Int]? { try take(name, \.ints, "a list of ints") }
  mutating func takeFloat(_ name: String) throws -> Float? { try take(name, \.float, "a float") }
  mutating func takeFloats(_ name: String) throws -> [Float]? { try take(name, \.floats, "a list of floats") }
  mutating func takeString(_ name: String) throws -> String? { try take(name, \.string, "a string") }
  mutating func takeTensor(_ name: String) throws -> Tensor? { try take(name, \.tensor, "a tensor") }

  private mutating func take<T>(_ name: String, _ read: (Attribute) -> T?, _ expected: String) throws -> T? {
    guard let attribute = attributes.removeValue(forKey: name) else { return nil }
    guard let value = read(attribute) else {
      throw GraphError(.invalidAttribute, "attribute '\(name)' must be \(expected)")
    }
    return value
  }

  /// Sets an attribute that is absent.
  mutating func setDefault(_ name: String, _ value: Attribute) {
    if attributes[name] == nil { attributes[name] = value }
  }

  /// The error for an attribute that must be there.
  func missing(_ name: String) -> GraphError {
    GraphError(.invalidAttribute, "attribute '\(name)' is missing")
  }
}

// MARK: - Rewriting

extension NodeUpgrade {
  mutating func setInput(_ index: Int, _ id: Value.ID?) {
    while inputs.count <= index { inputs.append(nil) }
    inputs[index] = id
  }

  /// Adds a node before this one; returns what it makes.
  func emit(_ op: OperatorName, _ inputs: Value.ID?..., attributes: [String: Attribute] = [:]) -> Value.ID {
    emit(op, inputs, count: 1, attributes: attributes)[0]
  }

  /// Adds a node of any number of inputs before this one; returns what it makes.
  func emit(_ op: OperatorName, inputs: [Value.ID?], attributes: [String: Attribute] = [:]) -> Value.ID {
    emit(op, inputs, count: 1, attributes: attributes)[0]
  }

  /// Adds a node of `count` outputs before this one; returns what it makes.
  func emit(
    _ op: OperatorName, _ inputs: [Value.ID?], count: Int, attributes: [String: Attribute] = [:]
  ) -> [Value.ID] {
    let label = "\(name)/\(op)"
    let results = (0..<count).map { _ in scope.graph.addValue(label) }
    add(op, label, inputs, results, attributes)
    return results
  }

  /// Adds a node that makes the output at `index`; does nothing where that is not asked for.
  func make(_ index: Int, _ op: OperatorName, _ inputs: Value.ID?..., attributes: [String: Attribute] = [:]) {
    if let id = output(index) { add(op, index == 0 ? name : "\(name)/\(op)", inputs, [id], attributes) }
  }

  /// Leaves the node itself out: other nodes make all its outputs.
  mutating func dissolve() { isDissolved = true }

  /// Adds a constant.
  func addConstant(_ tensor: Tensor, _ role: String = "constant") -> Value.ID {
    let id = scope.graph.addInitializer("\(name)/\(role)", tensor)
    scope.knowledge.note(id, constant: tensor)
    return id
  }

  /// Adds a list of int64 numbers.
  func addConstant(_ numbers: [Int], _ role: String = "constant") -> Value.ID {
    addConstant(Tensor(numbers.map(Int64.init), shape: [numbers.count]), role)
  }

  /// Adds a scalar of the element type of the input at `index`, whatever that is.
  func addScalar(_ number: Float, like index: Int, _ role: String = "constant") -> Value.ID {
    switch elementType(index) {
    case .float32: addConstant(Tensor(scalar: number), role)
    case .float64: addConstant(Tensor(scalar: Double(number)), role)
    case .float16: addConstant(Tensor(scalar: Float16(number)), role)
    default: emit("CastLike", addConstant(Tensor(scalar: number), role), input(index))
    }
  }

  /// Lets the node make a value of its own in the place of its output at `index`, for a following node to make that
  /// output from; does nothing where the output is not asked for.
  mutating func follow(
    output index: Int = 0, _ op: OperatorName, attributes: [String: Attribute] = [:],
    with others: Value.ID?...
  ) {
    guard let original = output(index) else { return }
    let inner = scope.graph.addValue("\(name)/before_\(op)")
    outputs[index] = inner
    following.append((op, [inner] + others, original, attributes))
  }

  /// Puts another node in this one's place: it makes what this one's output 0 was to be.
  mutating func become(_ op: OperatorName, _ inputs: Value.ID?..., attributes: [String: Attribute] = [:]) {
    self.op = op
    self.inputs = inputs
    self.attributes = attributes
  }

  /// Puts a constant in the node's place.
  mutating func become(_ tensor: Tensor) { constant = tensor }
}
