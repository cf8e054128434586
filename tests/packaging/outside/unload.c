/* A program that loads the library, as a plugin does, and unloads it while a look-up hangs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limpet/limpet.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static sem_t asked, may_answer;

/* The library finds this one before the C library's. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  (void)host, (void)service, (void)hints, (void)found;
  sem_post(&asked);
  sem_wait(&may_answer);
  return EAI_AGAIN;
}

static void *library;

/* ISO C has no other way from an object's pointer to a function's. */
static void find(void *function, const char *name) {
  void *found = dlsym(library, name);
  memcpy(function, &found, sizeof found);
}

static int leave_while_asking(void) {
  void (*init)(limpet_options *, size_t);
  limpet_result (*make)(const limpet_options *, struct uv_loop_s *, limpet_client **, char *);
  limpet_result (*connect)(limpet_client *);
  void (*stop)(limpet_client *, uint32_t);
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_options options;
  find(&init, "limpet_options_init");
  find(&make, "limpet_new");
  find(&connect, "limpet_connect");
  find(&stop, "limpet_stop");
  init(&options, sizeof options);
  options.url = "ws://a.name.that.is.never.found/";
  options.network_watch = false;
  if (make(&options, NULL, &client, detail) != LIMPET_OK)
    return 1;
  connect(client);
  sem_wait(&asked);
  stop(client, 0);
  return 0;
}

int main(int argc, char **argv) {
  const struct timespec while_it_ends = {0, 300000000};
  library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!library || sem_init(&asked, 0, 0) != 0 || sem_init(&may_answer, 0, 0) != 0 ||
      leave_while_asking() != 0)
    return 1;
  dlclose(library);
  for (int i = 0; i < 2; i++)
    sem_post(&may_answer); /* one for each family of addresses */
  nanosleep(&while_it_ends, NULL);
  puts("unloaded");
  return 0;
}
