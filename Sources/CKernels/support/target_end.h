// Ends what a target_*.h began.
#pragma clang attribute pop
