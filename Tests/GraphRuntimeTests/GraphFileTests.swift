import Foundation
import ONNXParse
import Testing

@testable import GraphRuntime

@Suite struct GraphFileTests {
  /// A path in a folder of the test's own, removed at the end.
  private final class Scratch {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graph-file-\(UUID())")
    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }
    var path: String { folder.appendingPathComponent("test.graph").path }
  }

  /// A graph with something of everything.
  func sample() throws -> Graph {
    var body = Graph(name: "body")
    let inner = body.addInput("inner", .tensor(TensorType(.float32, nil)))
    let captured = body.addValue("captured")
    body.addOutput(body.add("Add", inner, captured))
    var graph = Graph(name: "sample")
    graph.metadata = ["classes": "cat\ndog"]
    graph.opsets = ["": 28]
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N") * 2 + 1, .unknown, 3])))
    _ = graph.addInput("list", .sequence(.optional(.tensor(TensorType(.int64, [])))))
    let weights = graph.addInitializer("weights", Tensor([Float](repeating: 1.5, count: 33), shape: [3, 11]))
    let names = graph.addInitializer("names", try Tensor(shape: [2], strings: ["é", ""]))
    graph.derivedConstants[DerivedConstant(source: weights, form: "packed")] = Tensor([Float(7)], shape: [1])
    graph.passReports = [PassReport(name: "folding", changes: 3)]
    let attributes: [String: Attribute] = [
      "int": .int(-5), "ints": .ints([1, Int.min, Int.max]), "float": .float(.pi), "floats": .floats([-0.0]),
      "string": .string("s"), "strings": .strings(["a", "b"]), "tensor": .tensor(Tensor(scalar: Int64(3))),
      "tensors": .tensors([]), "type": .type(.sequence(nil)), "types": .types([]),
      "graph": .graph(Subgraph(graph: body, captures: [.init(outer: x, inner: captured)])),
      "graphs": .graphs([]),
    ]
    let y = graph.addValue("y", nil)
    graph.addNode(
      "Op", name: "node", inputs: [x, nil, weights, names], outputs: [nil, y], attributes: attributes)
    graph.addOutput(y)
    return graph
  }

  func bytes(of graph: Graph) throws -> [UInt8] {
    let scratch = try Scratch()
    try GraphFile.write(graph, to: scratch.path)
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: scratch.path)))
  }

  private func error(reading bytes: [UInt8]) -> GraphError? {
    #expect(throws: GraphError.self) { try GraphFile.read(ByteRegion(bytes)) }
  }

  @Test func writtenAndReadIsTheSame() throws {
    let scratch = try Scratch()
    let graph = try sample()
    try GraphFile.write(graph, to: scratch.path)
    let read = try Graph(contentsOf: scratch.path)
    // Ids may differ; what is written of both is the same.
    #expect(try bytes(of: read) == bytes(of: graph))
    #expect(read.nodes[0].attributes["ints"]?.ints == [1, Int.min, Int.max])
    #expect(read[read.inputs[0]].type == graph[graph.inputs[0]].type)
    #expect(read.initializers.values.contains { $0.strings == ["é", ""] })
    #expect(read.passReports == graph.passReports)
    try GraphFile.verify(scratch.path)
  }

  @Test func weightsLieInTheMappingAligned() throws {
    let scratch = try Scratch()
    try GraphFile.write(sample(), to: scratch.path)
    let file = try ByteRegion(contentsOf: scratch.path)
    let read = try GraphFile.read(file)
    for tensor in read.initializers.values {
      guard let bytes = tensor.bytes else { continue }
      #expect(bytes.isAligned(to: 64))
      #expect(bytes.start >= file.start && bytes.start + bytes.count <= file.start + file.count)
    }
  }

  @Test func runsAsTheGraphItWas() throws {
    let scratch = try Scratch()
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")])))
    let bias = graph.addInitializer("bias", Tensor([Float(1), 2], shape: [2]))
    graph.addOutput(graph.add("Relu", graph.add("Add", x, bias), output: "y"))
    try GraphFile.write(graph, to: scratch.path)
    let session = try Session(Graph(contentsOf: scratch.path))
    let result = try session.run(["x": Tensor([Float(-5), 5], shape: [2])])
    #expect(result["y"]?.elements() == [Float(0), 7])
  }

  @Test func foreignNewerAndTruncatedFilesAreToldApart() throws {
    let whole = try bytes(of: sample())
    #expect(error(reading: Array("PK\u{3}\u{4}".utf8))?.message == "this is not a .graph file")
    #expect(error(reading: [])?.message == "this is not a .graph file")
    for count in [3, 8, 63, 64, 200, whole.count - 1] {
      #expect(error(reading: Array(whole.prefix(count)))?.message.contains("truncated") == true)
    }
    var newer = whole
    newer[8] += 1
    #expect(error(reading: newer)?.message.contains("version \(newer[8])") == true)
    #expect(error(reading: whole + [0])?.message.contains("corrupt") == true)
  }

  @Test func olderVersionsAreRead() throws {
    var older = try bytes(of: sample())
    older[8] = 1
    let header = 0..<GraphFileHeader.byteCount(sections: 2), checksum = 24..<32
    older.replaceSubrange(checksum, with: [UInt8](repeating: 0, count: checksum.count))
    let right = older[header].withUnsafeBytes(Checksum.of)
    older.replaceSubrange(checksum, with: withUnsafeBytes(of: right.littleEndian) { Array($0) })
    #expect(try GraphFile.read(ByteRegion(older)).nodes.count == sample().nodes.count)
  }

  @Test func everyDamagedByteOfHeaderAndDescriptionIsFound() throws {
    let whole = try bytes(of: sample())
    let header = try whole.withUnsafeBytes { try GraphFileHeader(reading: $0) }
    let description = try header.section(.description)
    let ends = (
      0..<GraphFileHeader.byteCount(sections: 2),
      description.offset..<description.offset + description.byteCount
    )
    for position in Array(ends.0) + Array(ends.1) {
      var damaged = whole
      damaged[position] ^= 0x10
      #expect(throws: GraphError.self, "byte \(position)") { try GraphFile.read(ByteRegion(damaged)) }
    }
  }

  /// A forged description with a right checksum must not crash either.
  @Test func forgedDescriptionsNeverCrash() throws {
    let whole = try bytes(of: sample())
    let header = try whole.withUnsafeBytes { try GraphFileHeader(reading: $0) }
    let section = try header.section(.description)
    let description = Array(whole[section.offset..<section.offset + section.byteCount])
    let weights = ByteRegion([UInt8](repeating: 0, count: 256))
    var random = SplitMix64(seed: 11)
    for _ in 0..<3000 {
      var forged = description
      for _ in 0...random.next(below: 3) {
        forged[random.next(below: forged.count)] = [0, 1, 0x7F, 0x80, 0xFF][random.next(below: 5)]
      }
      if random.next(below: 4) == 0 { forged.removeLast(random.next(below: forged.count)) }
      forged.withUnsafeBytes { bytes in
        var decoder = DescriptionDecoder(bytes, weights: weights)
        if let graph = try? decoder.decode() { try? graph.validateDeeply() }
      }
    }
  }

  /// What the planner alone may make, and numbers that can't be computed with, have no place in a file.
  @Test func forgedTypesAreRefused() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [1, 1, 64, 64])))
    graph.addOutput(graph.add("Relu", x, output: "y"))
    var encoder = DescriptionEncoder()
    encoder.write(graph)
    // A tensor, of float, row-major, with a shape, of 4 extents.
    let place = try #require(
      encoder.bytes.indices.dropLast(4).first {
        Array(encoder.bytes[$0..<$0 + 5]) == [1, 1, 0, 1, 4]
      })
    for code: UInt8 in [0, 1, 2, 3] {
      var forged = encoder.bytes
      forged[place + 2] = code
      #expect(error(decoding: forged)?.message.contains("layout") ?? false == (code != 0))
    }
    for number in [Int.min, 1 << 41] {
      for expression in [
        SymbolicExpression(terms: ["N": number], constant: 0),
        SymbolicExpression(terms: ["N": 1], constant: number),
      ] {
        #expect(!expression.description.isEmpty)
        graph[x].type = .tensor(TensorType(.float32, [.symbolic(expression)]))
        var encoder = DescriptionEncoder()
        encoder.write(graph)
        #expect(error(decoding: encoder.bytes)?.message.contains("expression") == true)
      }
    }
  }

  private func error(decoding description: [UInt8]) -> GraphError? {
    description.withUnsafeBytes { bytes in
      do {
        var decoder = DescriptionDecoder(bytes, weights: ByteRegion([]))
        _ = try decoder.decode()
        return nil
      } catch {
        return error as? GraphError
      }
    }
  }

  /// Whatever of a forged graph can be opened can be run.
  @Test func forgedGraphsThatOpenRun() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [1, 16, 4, 4])))
    let weights = graph.addInitializer(
      "w", Tensor([Float](repeating: 0.5, count: 256), shape: [16, 16, 1, 1]))
    let bias = graph.addInitializer("b", Tensor([Float](repeating: 1, count: 16), shape: [16]))
    let convolved = graph.add("Relu", graph.add("Conv", x, weights, bias))
    let joined = graph.add("Concat", convolved, x, attributes: ["axis": .int(1)])
    let order: Attribute = .ints([0, 2, 3, 1])
    let turned = graph.add("Transpose", joined, attributes: ["perm": order])
    let flat = graph.addInitializer("flat", Tensor([Int64(1), -1], shape: [2]))
    graph.addOutput(graph.add("Add", graph.add("Reshape", turned, flat), graph.add("Reshape", joined, flat)))
    var encoder = DescriptionEncoder()
    encoder.write(graph)
    let description = encoder.bytes
    var weightBytes = [UInt8](repeating: 0, count: encoder.weightsByteCount)
    for (offset, region) in encoder.weights {
      region.withUnsafeBytes { weightBytes.replaceSubrange(offset..<offset + region.count, with: $0) }
    }
    let weightRegion = ByteRegion(weightBytes)
    var options = Session.Options()
    options.threads = 1
    options.maxMemory = 1 << 20
    var random = SplitMix64(seed: 12)
    var runs = 0
    for _ in 0..<600 {
      var forged = description
      for _ in 0...random.next(below: 2) {
        forged[random.next(below: forged.count)] = [0, 1, 2, 3, 8, 0x7F, 0x80, 0xFF][random.next(below: 8)]
      }
      forged.withUnsafeBytes { bytes in
        var decoder = DescriptionDecoder(bytes, weights: weightRegion)
        guard let graph = try? decoder.decode(), (try? graph.validateDeeply()) != nil,
          let session = try? Session(graph, options: options)
        else { return }
        var inputs: [String: Tensor] = [:]
        for id in graph.inputs {
          guard let type = graph[id].type?.tensor, type.elementType == .float32,
            let shape = type.concreteShape,
            let count = shape.elementCount, count <= 1 << 16
          else { return }
          inputs[graph[id].name] = Tensor([Float](repeating: 1, count: count), shape: shape)
        }
        if (try? session.run(inputs)) != nil { runs += 1 }
      }
    }
    #expect(runs > 10)
  }

  @Test func linksToMissingValuesAreNotWritten() throws {
    var body = Graph()
    let captured = body.addValue("c")
    body.addOutput(body.add("Relu", captured))
    var graph = try sample()
    let missing = Value.ID(rawValue: 1 << 20)
    graph.nodes[0].attributes["graph"] = .graph(
      Subgraph(graph: body, captures: [.init(outer: missing, inner: captured)]))
    let scratch = try Scratch()
    #expect(throws: GraphError.self) { try GraphFile.write(graph, to: scratch.path) }
    #expect(!FileManager.default.fileExists(atPath: scratch.path))
  }

  @Test func aChangedWeightIsFoundByVerify() throws {
    let scratch = try Scratch()
    var whole = try bytes(of: sample())
    whole[whole.count - 64] ^= 1
    try Data(whole).write(to: URL(fileURLWithPath: scratch.path))
    _ = try GraphFile.read(from: scratch.path)
    let error = #expect(throws: GraphError.self) { try GraphFile.verify(scratch.path) }
    #expect(error?.message == "the .graph file is corrupt in its weights")
    #expect(error?.path == [scratch.path])
  }
}
