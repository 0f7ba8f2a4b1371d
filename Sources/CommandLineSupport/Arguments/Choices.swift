import ArgumentParser
import CSNGraphs
import GraphRuntime
import ImageFiles

extension Preprocessing: ExpressibleByArgument {}
extension FusionRule: ExpressibleByArgument {}
extension Integration: ExpressibleByArgument {}
extension CSNVersion: ExpressibleByArgument {}
extension Rounding: ExpressibleByArgument {}
extension OptimizationLevel: ExpressibleByArgument {}

extension ExpressibleByArgument where Self: CaseIterable & RawRepresentable<String> {
  // Both as the argument parser has them, but compiled for each type: its own, for any raw value, look types up while the
  // program starts.
  public static var allValueStrings: [String] { allCases.map { $0.rawValue } }
  public static var allValueDescriptions: [String: String] { [:] }
}

/// What is fused where pictures are in colour.
public enum ColorMode: String, Sendable, CaseIterable, ExpressibleByArgument {
  /// Grey where all pictures are grey; luma where only some are and the model is not a fusion graph; else RGB.
  case auto
  /// Luma is fused; chroma is the mean of the pictures', weighted by how far each is from grey.
  case luma
  /// Red, green and blue as the graph gives them.
  case rgb
}

/// The arithmetic that convolutions and matrix products use.
public enum Precision: String, Sendable, CaseIterable, ExpressibleByArgument {
  case f32, bf16, int8
}

extension Precision {
  /// Throws where the model does not allow this precision: 8-bit integers are for models that were quantised, which bring
  /// the scales.
  func check(_ graph: Graph, _ path: String) throws {
    guard self == .int8, !graph.isQuantized else { return }
    throw CommandLineError(
      "--precision int8 is for quantised models, and \(path) has no scales to compute with 8-bit integers by")
  }
}
