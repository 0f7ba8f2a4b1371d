@testable import GraphRuntime

/// Small operators for tests of the machinery that runs graphs, so that these don't depend on the real ones.
enum TestOperators {
  static let registry = OperatorRegistry(families: [operators])

  static let operators: [Operator] = [add, scale, reshape, choose, repeatBody, count, concat]

  /// Element-wise sum of two float tensors of one shape; may be written over either.
  private static let add = Operator(
    "TestAdd", inputs: 2...2, sharing: .overwrites([0, 1]),
    infer: { inference in
      if let a = inference.tensor(0)?.concreteShape, let b = inference.tensor(1)?.concreteShape, a != b {
        throw inference.mismatch("shapes differ")
      }
      inference.same()
    },
    kernel: { builder in
      let (a, b, y) = (try builder.input(0), try builder.input(1), try builder.output())
      builder.emit { memory in
        let (a, b, y) = (
          memory.buffer(a, as: Float.self), memory.buffer(b, as: Float.self), memory.buffer(y, as: Float.self)
        )
        for index in y.indices { y[index] = a[index] + b[index] }
      }
    })

  /// Input times attribute `factor`, through scratch memory and a packed constant.
  private static let scale = Operator(
    "TestScale", inputs: 1...1, infer: { $0.same() },
    kernel: { builder in
      let (x, y) = (try builder.input(0), try builder.output())
      let factor = builder.node.attributes["factor"]?.float ?? 1
      let constant = builder.addConstant(Tensor([factor], shape: [1]).bytes!)
      let scratch = builder.addScratch(byteCount: x.count * 4)
      builder.emit { memory in
        let factor = memory.pointer(constant, as: Float.self)[0]
        let middle = memory.pointer(scratch, as: Float.self)
        let (x, y) = (memory.buffer(x, as: Float.self), memory.buffer(y, as: Float.self))
        for index in x.indices { middle[index] = x[index] * factor }
        for index in y.indices { y[index] = middle[index] }
      }
    })

  /// The input with all axes in one.
  private static let reshape = Operator(
    "TestFlatten", inputs: 1...1, sharing: .view,
    infer: { inference in
      let count = inference.shape(0)?.reduce(.fixed(1), *)
      inference.set(0, inference.elementType(0), count.map { [$0] })
    },
    kernel: { builder in
      let (x, y) = (try builder.input(0), try builder.output())
      let byteCount = x.elementType.byteCount(of: x.count) ?? 0
      builder.emit { memory in
        memory.pointer(y.slot, as: UInt8.self).update(from: memory.pointer(x.slot), count: byteCount)
      }
    })

  /// Runs attribute `then` or `else` by a bool.
  private static let choose = Operator(
    "TestIf", inputs: 1...1, infer: { _ in },
    evaluate: { evaluation in
      let condition = try evaluation.tensor(0).elements(Bool.self)[0]
      return try evaluation.run(evaluation.node.graph(condition ? "then" : "else"), [])
    })

  /// Applies attribute `body` (one input, one output) `count` times.
  private static let repeatBody = Operator(
    "TestRepeat", inputs: 1...1, infer: { $0.same() },
    evaluate: { evaluation in
      var value = RuntimeValue.tensor(try evaluation.tensor(0))
      let body = try evaluation.node.graph("body")
      for _ in 0..<(try evaluation.node.int("count")) { value = try evaluation.run(body, [value])[0] }
      return [value]
    })

  /// How many elements are positive: an output whose value, and a zero tensor whose shape, depends on data.
  private static let count = Operator(
    "TestPositive", inputs: 1...1,
    infer: { $0.set(0, .float32, [.unknown]) },
    evaluate: { evaluation in
      let positive = try evaluation.tensor(0).elements(Float.self).filter { $0 > 0 }
      return [.tensor(Tensor(positive, shape: [positive.count]))]
    })

  /// Two vectors, one behind the other.
  private static let concat = Operator(
    "TestConcat", inputs: 2...2,
    infer: { inference in
      guard let a = inference.shape(0)?.first, let b = inference.shape(1)?.first else { return }
      inference.set(0, inference.elementType(0), [a + b])
    },
    kernel: { builder in
      let (a, b, y) = (try builder.input(0), try builder.input(1), try builder.output())
      builder.emit { memory in
        let (a, b, y) = (
          memory.buffer(a, as: Float.self), memory.buffer(b, as: Float.self), memory.buffer(y, as: Float.self)
        )
        for index in a.indices { y[index] = a[index] }
        for index in b.indices { y[a.count + index] = b[index] }
      }
    })
}
