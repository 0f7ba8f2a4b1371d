// CSNGraphs
