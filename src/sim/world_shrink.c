/* Delta debugging: leaves out halves, quarters, ... of the operations as long as the same rule
   breaks, then makes what is left plainer. */
#include "world_play.h"

#include <string.h>

struct attempt {
  struct world *w;
  struct script *best, *spare;
  const char *rule;
  uint32_t left, done;
};

/* The spare is taken over if it breaks the rule. */
static bool is_better(struct attempt *t) {
  struct play_result result;
  if (!t->left)
    return false;
  t->left--;
  t->done++;
  world_play(t->w, t->spare, false, &result);
  if (!result.broken || strcmp(result.broken, t->rule) != 0)
    return false;
  t->spare->ops_count = result.ops_done;
  memcpy(t->best, t->spare, sizeof *t->best);
  return true;
}

static void copy_best(struct attempt *t) {
  memcpy(t->spare, t->best, sizeof *t->spare);
}

static bool leave_out(struct attempt *t, uint32_t at, uint32_t count) {
  const uint32_t behind = t->best->ops_count - at - count;
  copy_best(t);
  memmove(t->spare->ops + at, t->spare->ops + at + count, behind * sizeof *t->spare->ops);
  t->spare->ops_count -= count;
  return is_better(t);
}

/* From the end, since what stands there is more often needless. */
static bool leave_out_chunks(struct attempt *t, uint32_t size) {
  bool any = false;
  for (uint32_t end = t->best->ops_count; end > 0 && t->left;) {
    const uint32_t count = end < size ? end : size;
    if (end > t->best->ops_count)
      end = t->best->ops_count;
    else if (leave_out(t, end - count, count))
      any = true, end -= count;
    else
      end -= count;
  }
  return any;
}

static void shorten(struct attempt *t) {
  uint32_t size = t->best->ops_count;
  while (size && t->left) {
    if (!leave_out_chunks(t, size) || size > 1)
      size /= 2;
  }
}

/* ---- plainer ---- */

static void try_op(struct attempt *t, uint32_t at, uint32_t a, uint32_t b, uint64_t luck) {
  const struct world_op *op = &t->best->ops[at];
  if (at >= t->best->ops_count || (op->a == a && op->b == b && op->luck == luck))
    return;
  copy_best(t);
  t->spare->ops[at] = (struct world_op){.kind = op->kind, .a = a, .b = b, .luck = luck};
  (void)is_better(t);
}

/* Halves an argument as long as that is enough. */
static void lower(struct attempt *t, uint32_t at, bool is_first) {
  uint32_t before;
  do {
    const struct world_op op = t->best->ops[at];
    before = is_first ? op.a : op.b;
    if (is_first)
      try_op(t, at, op.a / 2, op.b, op.luck);
    else
      try_op(t, at, op.a, op.b / 2, op.luck);
  } while (at < t->best->ops_count && t->left &&
           (is_first ? t->best->ops[at].a : t->best->ops[at].b) < before);
}

static void make_plainer(struct attempt *t) {
  for (uint32_t at = 0; at < t->best->ops_count; at++) {
    try_op(t, at, t->best->ops[at].a, t->best->ops[at].b, 0);
    try_op(t, at, t->best->ops[at].a, 0, t->best->ops[at].luck);
    lower(t, at, true);
    if (at < t->best->ops_count)
      lower(t, at, false);
  }
}

static void reset_settings(struct attempt *t) {
  copy_best(t);
  for (uint32_t i = 0; world_settings_reset(&t->spare->settings, i); i++) {
    (void)is_better(t);
    copy_best(t);
  }
}

uint32_t world_shrink(struct world *w, struct script *script, struct script *spare,
                      uint32_t tries) {
  struct play_result result;
  struct attempt t = {.w = w, .best = script, .spare = spare, .left = tries};
  world_play(w, script, false, &result);
  if (!result.broken)
    return 1;
  t.rule = result.broken;
  script->ops_count = result.ops_done;
  shorten(&t);
  reset_settings(&t);
  make_plainer(&t);
  shorten(&t);
  return t.done + 1;
}
