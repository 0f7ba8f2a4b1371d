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
  /// Sets what a session computes with.
  /// - Throws: `CommandLineError` for what this runtime can't do.
  public func apply(to options: inout Session.Options) throws {
    switch self {
    case .f32: options.precision = .float32
    case .bf16: options.precision = .bfloat16
    case .int8:
      throw CommandLineError("--precision int8 is not available: this runtime computes in f32 and bf16")
    }
  }
}
