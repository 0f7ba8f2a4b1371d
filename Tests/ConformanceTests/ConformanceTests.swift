import Foundation
import TestSupport
import Testing

/// Runs the ONNX standard's own test suite: node by node, and whole networks.
///
/// `CSN_CONFORMANCE=all` runs every case; else those are skipped that need an operator the runtime doesn't have.
@Suite(.needsPython, .serialized) struct ConformanceTests {
  @Test(arguments: ["node", "simple", "pytorch-converted", "pytorch-operator", "light"])
  func casesPass(kind: String) throws {
    var score = Score()
    for test in try ConformanceSuite.shared.get().cases where test.kind == kind {
      if let filter = ConformanceSuite.filter, !test.name.contains(filter) { continue }
      let missing = test.missingOperators
      if !ConformanceSuite.runsAll, !missing.isEmpty {
        score.skipped += 1
        continue
      }
      score.total += 1
      let failure = test.failure()
      if failure == nil { score.passed += 1 }
      switch (failure, ExpectedFailures.reason(for: test.name)) {
      case (nil, nil): break
      // Numbers drawn at random may come out as expected.
      case (nil, .randomNumbers?): score.excepted += 1
      case (let failure?, nil): Issue.record("\(test.name): \(failure)")
      case (nil, let reason?): Issue.record("\(test.name) passes; it was not expected to: \(reason.rawValue)")
      case (_?, _?): score.excepted += 1
      }
    }
    print("\(kind): \(score)")
  }

  private struct Score: CustomStringConvertible {
    var total = 0
    var passed = 0
    var excepted = 0
    var skipped = 0

    var description: String {
      "\(passed) of \(total) cases pass, \(excepted) are expected not to, \(skipped) need operators we don't have"
    }
  }
}
