#define _GNU_SOURCE
#include "folder.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void folder_make(char path[FOLDER_CAP]) {
  const char *base = getenv("TMPDIR");
  (void)snprintf(path, FOLDER_CAP, "%s/limpet-test-XXXXXX", base ? base : "/tmp");
  assert_non_null(mkdtemp(path));
}

void folder_remove(const char *path) {
  DIR *folder = opendir(path);
  assert_non_null(folder);
  for (const struct dirent *e = readdir(folder); e; e = readdir(folder))
    if (e->d_name[0] != '.')
      (void)unlinkat(dirfd(folder), e->d_name, 0);
  closedir(folder);
  assert_int_equal(rmdir(path), 0);
}
