// What Swift can't say in its own words; see README.md. Nothing of it is called by this header: Swift's importer does not
// know the one function's convention, and COpenBLAS declares the other.
#pragma once
