/* The output stream, against a plain model: frames in order, overtaking at boundaries only. */
#include "mask.h"
#include "net_rig.h"
#include "output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS_MAX 4000

/* ---- the model: a list of frames, and how many bytes of all are sent ---- */

struct item {
  uint32_t number;
  size_t len;   /* payload */
  bool is_kept; /* to be recovered */
  bool is_data;
};

struct model {
  struct item items[ITEMS_MAX];
  size_t count;
  size_t gone; /* frames sent whole */
  size_t sent; /* bytes sent of those after them */
};

static size_t frame_len(const struct item *item) {
  return frame_header_len(item->len, true) + item->len;
}

static void model_sent(struct model *m, size_t len) {
  m->sent += len;
  while (m->gone < m->count && m->sent >= frame_len(&m->items[m->gone])) {
    m->sent -= frame_len(&m->items[m->gone]);
    m->gone++;
  }
}

/* Where what overtakes goes: behind the frame of which a byte is sent. */
static size_t model_boundary(const struct model *m) {
  return m->gone + (m->sent > 0);
}

static void model_insert(struct model *m, size_t at, const struct item *item) {
  memmove(&m->items[at + 1], &m->items[at], (m->count - at) * sizeof m->items[0]);
  m->items[at] = *item;
  m->count++;
}

/* ---- the real thing ---- */

static void fill(uint8_t *data, const struct item *item) {
  for (size_t i = 0; i < item->len; i++)
    data[i] = (uint8_t)(item->number * 7 + i * 3);
}

static const uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};

static void append(struct output *out, const struct item *item) {
  static uint8_t data[20000];
  fill(data, item);
  assert_true(output_reserve(out, &memory_default, FRAME_HEADER_MAX + item->len));
  if (item->is_data && !item->is_kept) {
    assert_true(output_reserve_mark(out, &memory_default));
    output_mark(out, out->end);
  }
  uint8_t first = FRAME_FIN | (item->is_data ? FRAME_BINARY : FRAME_PING);
  if (item->number % 3 == 0) /* the writer's note may be old */
    out->newest = out->end;
  out->end += frame_write(out->bytes + out->end, first, data, item->len, key);
}

static void insert(struct output *out, const struct item *item) {
  uint8_t data[125], frame[FRAME_HEADER_MAX + 125];
  fill(data, item);
  uint8_t first = FRAME_FIN | (item->is_data ? FRAME_TEXT : FRAME_PING);
  size_t len = frame_write(frame, first, data, item->len, key);
  assert_true(output_reserve(out, &memory_default, len));
  assert_true(output_reserve_mark(out, &memory_default));
  size_t at = output_boundary(out);
  output_open_gap(out, at, len);
  if (item->is_data)
    output_mark(out, at);
  memcpy(out->bytes + at, frame, len);
}

struct checker {
  const struct model *model;
  size_t at;
};

static void check_given(void *user, uint8_t opcode, const uint8_t *data, size_t len) {
  struct checker *checker = user;
  uint8_t expected[20000];
  (void)opcode;
  while (!checker->model->items[checker->at].is_kept)
    checker->at++;
  const struct item *item = &checker->model->items[checker->at++];
  assert_int_equal(len, item->len);
  fill(expected, item);
  assert_memory_equal(data, expected, len);
}

static void check_recovery(struct output *out, const struct model *model) {
  struct checker checker = {model, model->gone};
  output_recover(out, check_given, &checker);
  while (checker.at < model->count && !model->items[checker.at].is_kept)
    checker.at++;
  assert_int_equal(checker.at, model->count);
  assert_true(output_is_empty(out));
}

static void random_life(unsigned seed) {
  static struct model model;
  memset(&model, 0, sizeof model);
  struct output *out = malloc(sizeof *out);
  output_init(out);
  srand(seed);
  unsigned steps = 200 + (unsigned)rand() % 2000;
  for (unsigned i = 0; i < steps && model.count < ITEMS_MAX - 1; i++) {
    int dice = rand() % 10;
    struct item item = {.number = i, .len = (size_t)(rand() % 200), .is_data = true};
    if (dice < 5) {
      item.is_kept = rand() % 5 > 0;
      if (rand() % 20 == 0)
        item.len = (size_t)(rand() % 20000);
      append(out, &item);
      model.items[model.count++] = item;
    } else if (dice < 6) {
      item.len %= 126;
      item.is_data = rand() % 2;
      insert(out, &item);
      model_insert(&model, model_boundary(&model), &item);
    } else if (out->end > out->sent) {
      size_t len = 1 + (size_t)rand() % (out->end - out->sent);
      if (rand() % 3)
        len = len > 500 ? 500 : len;
      output_sent(out, len);
      model_sent(&model, len);
    }
  }
  check_recovery(out, &model);
  output_deinit(out, &memory_default);
  free(out);
}

static void test_against_model(void **state) {
  (void)state;
  for (unsigned seed = 0; seed < 300; seed++)
    random_life(seed);
}

/* ---- urgent frames ---- */

static void test_urgent(void **state) {
  (void)state;
  struct output *out = malloc(sizeof *out);
  output_init(out);
  static const uint8_t frame[OUTPUT_CONTROL_CAP] = {0x8A, 125};
  unsigned count = 0;
  while (output_add_pong(out, frame, sizeof frame, false))
    count++;
  assert_in_range(count, 2, 8);
  assert_false(output_is_empty(out));
  size_t full = out->urgent_len;
  assert_true(output_add_pong(out, frame, 2, true)); /* takes the last one's place */
  assert_true(out->urgent_len < full);
  assert_true(output_add_urgent(out, frame, sizeof frame)); /* a close frame always fits */
  out->urgent_begun = 10;
  output_urgent_sent(out, 5);
  assert_int_equal(out->urgent_begun, 10);
  output_urgent_sent(out, out->urgent_len - 5);
  assert_true(output_is_empty(out));
  assert_true(output_add_pong(out, frame, 2, true));
  out->urgent_begun = 1; /* TLS has it: it stays */
  assert_true(output_add_pong(out, frame, 3, true));
  assert_int_equal(out->urgent_len, 5);
  output_deinit(out, &memory_default);
  free(out);
}

static void test_without_memory(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct output *out = malloc(sizeof *out);
  output_init(out);
  rig.memory.fail_at = rig.memory.taken + 1;
  rig.memory.fail_after = true;
  const struct memory *memory = &rig.memory.memory;
  assert_true(output_reserve(out, memory, OUTPUT_SMALL));
  assert_false(output_reserve(out, memory, OUTPUT_SMALL + 1));
  assert_false(output_reserve(out, memory, SIZE_MAX - 10));
  assert_false(output_reserve_mark(out, memory));
  output_deinit(out, memory);
  free(out);
  rig_deinit(&rig);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_model),
      cmocka_unit_test(test_urgent),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
