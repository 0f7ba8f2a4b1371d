import CKernels
import TestSupport
import Testing

/// Suites that force the process's CPU level, one after another; and the level itself.
@Suite(.serialized) struct ForcedLevels {
  @Test func forcingIsBounded() {
    ProcessorLevel.inTurn {
      for level in availableLevels { #expect(csn_cpu_force(level) == level && csn_cpu_current() == level) }
      #expect(csn_cpu_force(CSN_CPU_PORTABLE) == CSN_CPU_PORTABLE)
      #expect(!csn_cpu_has_bf16() && !csn_cpu_has_amx() && !csn_cpu_has_vnni())
      #expect(csn_cpu_force(CSN_CPU_AMX) == csn_cpu_detected())
    }
  }
}

/// Runs `body` at every level, without a pool and with one of three threads; all results at a level must be the same.
func everyLevel(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: (_ pool: OpaquePointer?) -> [Float]
) -> [[Float]] {
  ProcessorLevel.inTurn {
    defer { _ = csn_cpu_force(csn_cpu_detected()) }
    return availableLevels.map { level in
      csn_cpu_force(level)
      let alone = body(nil)
      let together = withPool(threads: 3) { body($0) }
      #expect(
        zip(alone, together).allSatisfy { $0.bitPattern == $1.bitPattern }, "depends on threads",
        sourceLocation: sourceLocation)
      return alone
    }
  }
}

/// Expects `values` to be near `expected`, relative to the larger of the expected value and one; NaN where NaN is
/// expected.
func expectNear(
  _ values: [Float], _ expected: [Double], tolerance: Double,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(values.count == expected.count, sourceLocation: sourceLocation)
  var worst = 0.0
  var place = 0
  for (index, (value, wanted)) in zip(values, expected).enumerated() {
    if Double(value) == wanted || (value.isNaN && wanted.isNaN) { continue }
    let error = abs(Double(value) - wanted) / max(abs(wanted), 1)
    if !(error <= worst) { (worst, place) = (error.isNaN ? .infinity : error, index) }
  }
  if worst > tolerance {
    Issue.record(
      "[\(place)]: \(values[place]) for \(expected[place]): off by \(worst)", sourceLocation: sourceLocation)
  }
}
