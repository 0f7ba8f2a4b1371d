import CommandLineSupport

CommandLineProgram.main(CSNConvert.self)
