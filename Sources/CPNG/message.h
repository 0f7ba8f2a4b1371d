#ifndef CPNG_MESSAGE_INTERNAL_H
#define CPNG_MESSAGE_INTERNAL_H

#include <stdio.h>

#include "CPNG.h"

/// Puts `text`, cut to the room there is, into a message buffer.
static inline void cpng_set_message(char *message, const char *text) {
  snprintf(message, CPNG_MESSAGE_LENGTH, "%s", text ? text : "unknown error");
}

#endif
