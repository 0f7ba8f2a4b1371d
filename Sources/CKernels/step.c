#include "csn_step.h"

#include <stdbool.h>
#include <string.h>

static _Thread_local char report[512];
static _Thread_local bool reported;

void csn_step_fail(const char *text) {
  if (reported) return;
  strncpy(report, text, sizeof report - 1);
  reported = true;
}

const char *csn_step_take_failure(void) {
  if (!reported) return NULL;
  reported = false;
  return report;
}
