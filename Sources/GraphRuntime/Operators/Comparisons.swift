import ONNXParse

/// Element-wise comparison and logic, with NumPy broadcasting, into bool.
enum Comparisons {
  static let operators: [Operator] = [
    // Equal-19, Less-13, LessOrEqual-16, Greater-13, GreaterOrEqual-16.
    comparison("Equal", equal),
    comparison("Less", numeric(ComparisonKernel<Less>.self)),
    comparison("LessOrEqual", numeric(ComparisonKernel<LessOrEqual>.self)),
    comparison("Greater", numeric(ComparisonKernel<Greater>.self)),
    comparison("GreaterOrEqual", numeric(ComparisonKernel<GreaterOrEqual>.self)),
    // And, Or, Xor (ONNX opset 7), Not-1.
    logic("And") { $0 & $1 },
    logic("Or") { $0 | $1 },
    logic("Xor") { $0 ^ $1 },
    Operator(
      "Not", inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() },
      kernel: { builder in
        let (source, target) = (try builder.input(0), try builder.output())
        guard source.elementType == .bool else { throw builder.unsupportedType(source.elementType) }
        builder.emit { memory in
          memory.map(
            memory.input(source, as: UInt8.self), memory.output(target, as: UInt8.self), count: target.count
          ) {
            $0 == 0 ? 1 : 0
          }
        }
      }),
    // IsNaN-20, IsInf-20.
    Operator(
      "IsNaN", inputs: 1...1, infer: { $0.set(0, .bool, $0.shape(0)) }, kernel: numeric(IsNaNKernel.self)),
    Operator(
      "IsInf", inputs: 1...1, infer: { $0.set(0, .bool, $0.shape(0)) }, kernel: numeric(IsInfKernel.self)),
  ]

  private static func comparison(_ name: OperatorName, _ kernel: @escaping PrepareKernel) -> Operator {
    Operator(
      name, inputs: 2...2,
      infer: { inference in
        try inference.broadcastAll(.bool)
        // Of shapes, what is equal may be known beforehand, and with it the branch that an If takes.
        if name == "Equal" {
          inference.combineShapeValues { a, b in
            if a == b { return a == .unknown ? .unknown : 1 }
            return a.value != nil && b.value != nil ? 0 : .unknown
          }
        }
      }, kernel: kernel)
  }

  /// Strings are equal where their handles are.
  @Sendable private static func equal(_ builder: inout KernelBuilder) throws {
    switch try builder.input(0).elementType {
    case .bool: try ComparisonKernel<Equal>.prepare(&builder, as: UInt8.self)
    case .string: try ComparisonKernel<Equal>.prepare(&builder, as: UInt64.self)
    default: try numeric(ComparisonKernel<Equal>.self)(&builder)
    }
  }

  private static func logic(
    _ name: OperatorName, _ function: @escaping @Sendable (UInt8, UInt8) -> UInt8
  ) -> Operator {
    Operator(
      name, inputs: 2...2, sharing: .overwrites([0, 1]), infer: { try $0.broadcastAll(.bool) },
      kernel: { builder in
        let (a, b, target) = (try builder.input(0), try builder.input(1), try builder.output())
        guard a.elementType == .bool, b.elementType == .bool else {
          throw builder.unsupportedType(a.elementType)
        }
        let broadcast = Broadcast(output: target.shape, operands: [a.shape, b.shape])
        builder.emit { memory in
          memory.zip(broadcast, memory.input(a), memory.input(b), memory.output(target), function)
        }
      })
  }
}

/// A relation of two elements.
protocol Relation: SendableMetatype {
  static func holds<Element: NumericElement>(_ a: Element, _ b: Element) -> Bool
}

enum Equal: Relation {
  @inline(__always) static func holds<Element: NumericElement>(_ a: Element, _ b: Element) -> Bool { a == b }
}
enum Less: Relation {
  @inline(__always) static func holds<Element: NumericElement>(_ a: Element, _ b: Element) -> Bool { a < b }
}
enum LessOrEqual: Relation {
  @inline(__always) static func holds<Element: NumericElement>(_ a: Element, _ b: Element) -> Bool { a <= b }
}
enum Greater: Relation {
  @inline(__always) static func holds<Element: NumericElement>(_ a: Element, _ b: Element) -> Bool { a > b }
}
enum GreaterOrEqual: Relation {
  @inline(__always) static func holds<Element: NumericElement>(_ a: Element, _ b: Element) -> Bool { a >= b }
}

private enum ComparisonKernel<R: Relation>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (a, b, target) = (try builder.input(0), try builder.input(1), try builder.output())
    let broadcast = Broadcast(output: target.shape, operands: [a.shape, b.shape])
    builder.emit { memory in
      memory.zip(
        broadcast, memory.input(a, as: Element.self), memory.input(b), memory.output(target, as: Bool.self)
      ) {
        R.holds($0, $1)
      }
    }
  }
}

private enum IsNaNKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    builder.emit { memory in
      memory.map(
        memory.input(source, as: Element.self), memory.output(target, as: Bool.self), count: target.count
      ) {
        $0.isNotANumber
      }
    }
  }
}

/// Infinities of the signs asked for (`detect_negative`, `detect_positive`).
private enum IsInfKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let negative = try builder.node.flag("detect_negative", default: true)
    let positive = try builder.node.flag("detect_positive", default: true)
    builder.emit { memory in
      memory.map(
        memory.input(source, as: Element.self), memory.output(target, as: Bool.self), count: target.count
      ) {
        let value = $0.double
        return value.isInfinite && (value < 0 ? negative : positive)
      }
    }
  }
}
