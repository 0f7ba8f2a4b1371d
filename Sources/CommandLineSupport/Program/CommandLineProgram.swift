import ArgumentParser
import Glibc
import GraphRuntime
import ONNXParse

/// What a command can't do, in one sentence for the user.
public struct CommandLineError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// Runs a command as the process's main: exit code 0 when it is done, 1 with one line on stderr when it failed
/// (`csn-run: error: ...`), 64 when it was called wrongly.
public enum CommandLineProgram {
  public static func main<Command: ParsableCommand>(_ command: Command.Type) -> Never {
    // A reader that goes away (`csn-run ... | head`) ends the program quietly.
    signal(SIGPIPE, SIG_DFL)
    var outcome = run(command, arguments: Array(CommandLine.arguments.dropFirst()))
    if !outcome.output.isEmpty {
      do { try StandardOutput.write(outcome.output) } catch { outcome = failure(error, command) }
    }
    if !outcome.errors.isEmpty { Terminal.writeError(outcome.errors + "\n") }
    exit(outcome.code)
  }

  /// What is left to print when a command is over, and the exit code.
  public struct Outcome: Sendable, Hashable {
    public var code: Int32 = 0
    public var output = ""
    public var errors = ""
  }

  /// Parses `arguments` and runs the command.
  public static func run<Command: ParsableCommand>(_ command: Command.Type, arguments: [String]) -> Outcome {
    do {
      var parsed = try command.parseAsRoot(arguments)
      try parsed.run()
      return Outcome()
    } catch {
      return outcome(of: error, command)
    }
  }

  private static func outcome<Command: ParsableCommand>(of error: any Error, _ command: Command.Type)
    -> Outcome
  {
    let code = command.exitCode(for: error)
    if code == .success { return Outcome(output: command.fullMessage(for: error)) }
    let name = name(of: command)
    if code == .validationFailure {
      let usage = "Usage: " + command.usageString().split(separator: "\n").joined(separator: "\n       ")
      return Outcome(
        code: code.rawValue,
        errors: """
          \(name): error: \(oneLine(command.message(for: error)))
          \(usage)
          See '\(name) --help' for more information.
          """)
    }
    return failure(error, command)
  }

  private static func failure<Command: ParsableCommand>(_ error: any Error, _ command: Command.Type)
    -> Outcome
  {
    Outcome(code: 1, errors: "\(name(of: command)): error: \(message(for: error))")
  }

  private static func name<Command: ParsableCommand>(of command: Command.Type) -> String {
    command.configuration.commandName ?? command._commandName
  }

  /// One line that says what an error says.
  static func message(for error: any Error) -> String { oneLine("\(error)") }

  /// The lines of `text` joined to one.
  static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).map(\.trimmed).filter { !$0.isEmpty }.joined(separator: "; ")
  }
}
