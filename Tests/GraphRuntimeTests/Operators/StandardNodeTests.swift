import TestSupport
import Testing
@testable import GraphRuntime

@Suite("Neural-network operators against the standard's node tests")
struct StandardNodeTests {
  /// Operators whose kernels run by themselves in `SingleNode`.
  static let operators = [
    "AveragePool", "BatchNormalization", "Celu", "Clip", "Col2Im", "Conv", "ConvInteger", "ConvTranspose",
    "DeformConv", "DepthToSpace", "Dropout", "Elu", "Erf",
    "Gelu", "Gemm",
    "GlobalAveragePool", "GlobalMaxPool", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax",
    "InstanceNormalization", "LRN", "LayerNormalization", "LeakyRelu", "LogSoftmax", "LpNormalization",
    "LpPool",
    "MatMul", "MatMulInteger", "MaxPool", "MaxUnpool", "MeanVarianceNormalization", "Mish", "PRelu", "Pad",
    "QLinearConv",
    "QLinearMatMul", "RMSNormalization", "Relu",
    "Resize", "RoiAlign",
    "Selu", "Shrink", "Sigmoid", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Swish", "Tanh",
    "ThresholdedRelu",
  ]

  @Test("every case of the newest opset agrees", .needsPython)
  func agreesWithTheStandard() throws {
    let cases = try StandardCase.load(Self.operators)
    #expect(Set(cases.map(\.operator)) == Set(Self.operators))
    for failure in cases.compactMap({ $0.failure() }) { Issue.record("\(failure)") }
  }
}
