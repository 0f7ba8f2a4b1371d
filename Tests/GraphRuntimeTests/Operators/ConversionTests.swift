import Testing

@testable import GraphRuntime

@Suite struct ConversionTests {
  static let narrow: [ElementType] = [
    .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float4e2m1, .float8e8m0,
  ]

  /// Every code but those of NaN and of zero's second sign comes back.
  @Test(arguments: narrow) func narrowFloatsRoundTrip(type: ElementType) throws {
    let format = try #require(NarrowFloat(type))
    let codes = type == .float4e2m1 ? 0..<16 : 0..<256
    for code in codes {
      let value = format.decode(UInt8(code))
      if value.isNaN { continue }
      let back = format.encode(value, Conversion.Options(saturate: false, roundMode: "nearest"))
      #expect(back == UInt8(code), "\(type): \(code) is \(value), which becomes \(back)")
    }
  }

  /// Between two codes the nearer one is taken, and at half way the even one.
  @Test(arguments: narrow.dropLast()) func narrowFloatsRoundToNearestEven(type: ElementType) throws {
    let format = try #require(NarrowFloat(type))
    let options = Conversion.Options()
    let last = type == .float4e2m1 ? 7 : 0x77
    for code in 0..<last {
      let (low, high) = (format.decode(UInt8(code)), format.decode(UInt8(code + 1)))
      let middle = (low + high) / 2
      #expect(format.encode(middle.nextDown, options) == UInt8(code))
      #expect(format.encode(middle, options) == UInt8(code % 2 == 0 ? code : code + 1))
      #expect(format.encode(middle.nextUp, options) == UInt8(code + 1))
    }
  }

  @Test func packedElementsKeepTheirSign() throws {
    let values = Tensor([-8, -1, 0, 7, 3].map { Int8($0) }, shape: [5])
    let packed = try cast(values, to: .int4)
    #expect(packed.bytes?.count == 3)
    #expect(try cast(packed, to: .int8).elements(Int8.self) == [-8, -1, 0, 7, 3])
    #expect(try cast(packed, to: .float32).elements(Float.self) == [-8, -1, 0, 7, 3])
  }

  @Test func numbersOutOfRangeNeverTrap() throws {
    let values = Tensor([Double.nan, .infinity, -.infinity, 1e300, -1e300, 255.9, -1.5], shape: [7])
    for type in ElementType.allCases where type != .string && type != .complex64 && type != .complex128 {
      if type.bitWidth == 6 {
        // No operator of the runtime works on 6-bit numbers: refused, not computed.
        #expect(throws: GraphError.self) { try cast(values, to: type) }
      } else {
        #expect(try cast(values, to: type).count == 7)
      }
    }
    #expect(try cast(values, to: .int64).elements(Int64.self) == [0, .max, .min, .max, .min, 255, -1])
  }

  @Test func stringsBecomeNumbersAndBack() throws {
    let texts = try Tensor(shape: [4], strings: ["1.5", "-INF", "NaN", "7"])
    let node = SingleNodeEvaluation(op: "Cast", attributes: ["to": .int(1)])
    let numbers = try node.run([texts]).elements(Float.self)
    #expect(numbers[0] == 1.5 && numbers[1] == -.infinity && numbers[2].isNaN && numbers[3] == 7)
    let back = SingleNodeEvaluation(op: "Cast", attributes: ["to": .int(8)])
    #expect(try back.run([Tensor([Float(1.5), 7, 0.1], shape: [3])]).strings == ["1.5", "7", "0.1"])
  }

  private func cast(_ tensor: Tensor, to type: ElementType) throws -> Tensor {
    try SingleNode(op: "Cast", attributes: ["to": .int(Int(type.rawValue))]).run([tensor])[0]
  }
}

/// Runs one operator as the interpreter does.
struct SingleNodeEvaluation {
  let op: OperatorName
  var attributes: [String: Attribute] = [:]

  func run(_ inputs: [Tensor?]) throws -> Tensor {
    let node = Node.unnamed(op)
    return try Evaluation(node: node, inputs: [], run: { _, _ in [] }).compute(op, inputs, attributes)
  }
}
