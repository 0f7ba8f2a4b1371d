import CommandLineSupport

CommandLineProgram.main(CSNRun.self)
