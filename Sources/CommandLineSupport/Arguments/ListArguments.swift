import ArgumentParser
import CSNGraphs

/// `1024,512,256`: positive numbers.
public struct IntegerList: ExpressibleByArgument, Sendable, Hashable {
  public let elements: [Int]

  public init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    elements = numbers.compactMap { $0 }
    guard elements.count == numbers.count, elements.allSatisfy({ $0 > 0 }) else { return nil }
  }
}

/// `caffe,imagenet`: preprocessing, one for all backbones or one each.
public struct PreprocessingList: ExpressibleByArgument, Sendable, Hashable {
  public let elements: [Preprocessing]

  public init?(argument: String) {
    let names = argument.split(separator: ",", omittingEmptySubsequences: false)
    elements = names.compactMap { Preprocessing(rawValue: String($0)) }
    guard elements.count == names.count else { return nil }
  }

  public static var allValueStrings: [String] { Preprocessing.allCases.map(\.rawValue) }
}
