/// The one table of operators: what is in it can be imported, inferred and run; nothing else can.
public struct OperatorRegistry: Sendable {
  private let operators: [OperatorName: Operator]

  /// Every operator of the runtime, family by family.
  public static let standard = OperatorRegistry(families: [
    Arithmetic.operators,
    Comparisons.operators,
    Bitwise.operators,
    ElementaryFunctions.operators,
    Reshaping.operators,
    ShapeQueries.operators,
    Selection.operators,
    Rearrangement.operators,
    Joining.operators,
    Gathering.operators,
    Reductions.operators,
    ArgReductions.operators,
    Scattering.operators,
    Ordering.operators,
    DataDependent.operators,
    ControlFlow.operators,
    Scans.operators,
    Sequences.operators,
    Optionals.operators,
    EinsteinSummation.operators,
    Determinant.operators,
    Quantization.operators,
    OneHotOperator.operators,
    Randomness.operators,
    NonMaxSuppressionOperator.operators,
    Strings.operators,
    RecurrentNetworks.operators,
    GridSampling.operators,
    SpectralOperators.operators,
    FlexAttention.operators,
    CacheUpdate.operators,
    TextVectors.operators,
    FeatureTables.operators,
    GradientSteps.operators,
    Activations.operators,
    Rectifiers.operators,
    Convolutions.operators,
    Relayout.operators,
    TransposedConvolutions.operators,
    QuantizedProducts.operators,
    DeformableConvolution.operators,
    ColumnsToImage.operators,
    MaxUnpooling.operators,
    RegionPooling.operators,
    Pooling.operators,
    GlobalPooling.operators,
    MatrixProducts.operators,
    SoftmaxFamily.operators,
    BatchNormalization.operators,
    Normalizations.operators,
    AxesNormalizations.operators,
    LocalResponseNormalization.operators,
    DropoutOperator.operators,
    Padding.operators,
    Resizing.operators,
    DepthSpace.operators,
  ])

  init(families: [[Operator]]) {
    operators = Dictionary(uniqueKeysWithValues: families.joined().map { ($0.name, $0) })
  }

  public subscript(name: OperatorName) -> Operator? { operators[name] }

  /// All names, in alphabetical order.
  public var names: [OperatorName] { operators.keys.sorted { $0.description < $1.description } }
}
