#define _GNU_SOURCE
#include "demo_page.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* From the program's folder, which is build/PRESET or bin. */
static const char *const places[] = {"../../web/dist/demo", "../share/limpet/demo"};

bool demo_page_is_there(const char *folder) {
  char path[DEMO_PAGE_CAP + 16];
  (void)snprintf(path, sizeof path, "%s/index.html", folder);
  return access(path, R_OK) == 0;
}

bool demo_page_find(char folder[DEMO_PAGE_CAP]) {
  char program[DEMO_PAGE_CAP];
  size_t len = sizeof program - 32;
  char *slash = uv_exepath(program, &len) == 0 ? strrchr(program, '/') : NULL;
  if (!slash)
    return false;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    (void)snprintf(folder, DEMO_PAGE_CAP, "%.*s/%s", (int)(slash - program), program, places[i]);
    if (demo_page_is_there(folder))
      return true;
  }
  return false;
}
