/*
 * A world as a text: its settings, then what happens in it, one operation a line. Made from a seed,
 * or read from a file; the text of a broken world is all that it takes to see it break again.
 *
 *   # a comment
 *   set confirm 2
 *   send 30 0 luck 5
 *   wait 1500
 */
#ifndef SIM_WORLD_SCRIPT_H
#define SIM_WORLD_SCRIPT_H

#include "world.h"

#include <stdio.h>

#define SCRIPT_OPS_MAX 4096
#define OPS_KINDS_MAX 64
#define SCRIPT_ERROR_CAP 160

/** Something that happens. `luck` feeds all that is left to chance while it does, and what its
    callbacks do; 0: nothing is. */
struct world_op {
  uint32_t kind; /* a row of world_ops.c */
  uint32_t a, b;
  uint64_t luck;
};

struct script {
  struct world_settings settings;
  struct world_op ops[SCRIPT_OPS_MAX];
  uint32_t ops_count;
};

/** Draws settings and `ops_count` operations (1-SCRIPT_OPS_MAX) from a seed. */
void world_script_draw(struct script *script, uint64_t seed, uint32_t ops_count);
void world_script_print(const struct script *script, FILE *file);
/** False, with the line and what is wrong with it in `error`. */
bool world_script_read(struct script *script, FILE *file, char error[SCRIPT_ERROR_CAP]);

/* ---- world_settings.c ---- */
void world_settings_init(struct world_settings *settings);
void world_settings_draw(struct world_settings *settings, uint64_t *random);
void world_settings_print(const struct world_settings *settings, FILE *file);
/** False: no such name, or a value out of its range. */
bool world_settings_set(struct world_settings *settings, const char *name, uint64_t value);
/** Sets the setting `index` to its default. False: there are not so many. */
bool world_settings_reset(struct world_settings *settings, uint32_t index);

/* ---- world_ops.c ---- */
uint32_t world_ops_count(void);
const char *world_op_name(uint32_t kind);
/** False: there is no such operation. */
bool world_op_find(const char *name, uint32_t *kind);
/** False: it takes no such arguments. */
bool world_op_is_valid(const struct world_op *op);
uint32_t world_op_arguments_count(uint32_t kind);
/** How often it is drawn, in relation to others. */
uint32_t world_op_weight(uint32_t kind);
void world_op_draw_arguments(struct world_op *op, uint64_t *random);
/** It happens; all is checked. */
void world_op_do(struct world *w, const struct world_op *op);

#endif
