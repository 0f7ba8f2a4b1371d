// CPU quota of the cgroup that the process is in, and of the cgroups above it: the smallest counts.
#include "csn_cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { path_size = 4096 };

/// Processors that `quota` microseconds in every `period` make, rounded up; 0 for no limit.
static int processors(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return 0;
  long long count = quota / period + (quota % period != 0);
  return count < 4096 ? (int)count : 0;
}

static int smaller(int a, int b) { return a == 0 ? b : b == 0 ? a : a < b ? a : b; }

/// Reads the first line of directory/name; false where there is none.
static bool read_line(const char *directory, const char *name, char *line, size_t size) {
  char path[path_size];
  int length = snprintf(path, sizeof path, "%s/%s", directory, name);
  if (length < 0 || (size_t)length >= sizeof path) return false;
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool found = fgets(line, (int)size, file) != NULL;
  fclose(file);
  return found;
}

/// The limit that one cgroup directory sets: cpu.max (v2), or cpu.cfs_quota_us and cpu.cfs_period_us (v1).
static int directory_limit(const char *directory) {
  char line[128];
  long long quota, period;
  if (read_line(directory, "cpu.max", line, sizeof line))
    return sscanf(line, "%lld %lld", &quota, &period) == 2 ? processors(quota, period) : 0;
  if (!read_line(directory, "cpu.cfs_quota_us", line, sizeof line) || sscanf(line, "%lld", &quota) != 1) return 0;
  if (!read_line(directory, "cpu.cfs_period_us", line, sizeof line) || sscanf(line, "%lld", &period) != 1) return 0;
  return processors(quota, period);
}

/// The smallest limit of `group` below `mount` and of all its ancestors, the mount included.
static int chain_limit(const char *mount, const char *group) {
  char path[path_size];
  int length = snprintf(path, sizeof path, "%s%s", mount, group);
  if (length < 0 || (size_t)length >= sizeof path) return 0;
  size_t end = (size_t)length, floor = strlen(mount);
  int limit = 0;
  for (;;) {
    while (end > floor && path[end - 1] == '/') end--;
    path[end] = 0;
    limit = smaller(limit, directory_limit(path));
    if (end <= floor) return limit;
    while (end > floor && path[end - 1] != '/') end--;
  }
}

/// Whether the comma-separated list of controllers holds "cpu".
static bool names_cpu(const char *controllers, size_t length) {
  for (size_t start = 0; start <= length;) {
    size_t end = start;
    while (end < length && controllers[end] != ',') end++;
    if (end - start == 3 && memcmp(controllers + start, "cpu", 3) == 0) return true;
    start = end + 1;
  }
  return false;
}

int csn_cpu_quota(const char *root) {
  if (!root) root = "";
  char directory[path_size], line[path_size];
  int length = snprintf(directory, sizeof directory, "%s/proc/self/cgroup", root);
  if (length < 0 || (size_t)length >= sizeof directory) return 0;
  FILE *file = fopen(directory, "re");
  if (!file) return 0;
  static const char *const mounts_v1[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
  static const char *const mounts_v2[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  int limit = 0;
  // Lines are "id:controllers:path"; v2 has id 0 and no controllers.
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    size_t controllers_length = (size_t)(group - controllers - 1);
    bool v2 = controllers_length == 0;
    if (!v2 && !names_cpu(controllers + 1, controllers_length)) continue;
    for (int i = 0; i < 2; i++) {
      length = snprintf(directory, sizeof directory, "%s%s", root, v2 ? mounts_v2[i] : mounts_v1[i]);
      if (length < 0 || (size_t)length >= sizeof directory) continue;
      limit = smaller(limit, chain_limit(directory, group + 1));
    }
  }
  fclose(file);
  return limit;
}
