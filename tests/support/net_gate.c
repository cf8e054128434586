#include "net_gate.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static bool is_open;
static unsigned inside_count;

void gate_pass(const char *host) {
  pthread_mutex_lock(&gate_lock);
  inside_count++;
  while (strcmp(host, "hangs.example") == 0 && !is_open)
    pthread_cond_wait(&gate, &gate_lock);
  if (--inside_count == 0)
    pthread_cond_broadcast(&gate);
  pthread_mutex_unlock(&gate_lock);
}

void gate_open(void) {
  pthread_mutex_lock(&gate_lock);
  is_open = true;
  pthread_cond_broadcast(&gate);
  while (inside_count > 0)
    pthread_cond_wait(&gate, &gate_lock);
  is_open = false;
  pthread_mutex_unlock(&gate_lock);
}
