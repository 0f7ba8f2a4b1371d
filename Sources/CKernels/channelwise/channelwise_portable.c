#include "support/target_portable.h"
#include "channelwise/channelwise_template.h"
#include "support/target_end.h"
