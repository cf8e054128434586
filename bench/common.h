/*
 * What the programs of the bench share: what a run is to do (a job), the frames it moves, and the
 * stopwatch around its timed part. Nothing of Limpet is in here: the peer and the raw client must
 * not be able to inherit a fault of what they measure.
 *
 * A job travels in the request path, as "/receive/ascii/64/1000000": the peer learns from it what
 * this connection is for. Its mode is named as the client sees it.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define BENCH_NORETURN [[noreturn]]
extern "C" {
#else
#define BENCH_NORETURN _Noreturn
#endif

enum mode {
  MODE_RECEIVE,  /* the client sends GO, the peer answers with `count` messages */
  MODE_SEND,     /* the client sends `count` messages, the peer acknowledges the last one */
  MODE_PINGPONG, /* one message there and back, `count` times */
  MODE_CONNECT,  /* `count` connections, one after the other, each closed cleanly */
  MODE_RESET,    /* the client sends GO, the peer resets the connection; `count` times */
  MODE_HOLD      /* the peer answers nothing more: idle clients */
};

struct job {
  enum mode mode;
  bool is_ascii; /* the text: pure ASCII, or characters of two to four bytes */
  size_t size;   /* payload of one message */
  uint64_t count;
};

#define JOB_PATH_CAP 80
#define FRAME_HEADER_CAP 14
/* What one system call sends, where there is enough to send: by a client, and by the peer, which is
   fastest with pieces that just fit a core's own cache. */
#define PIECE_LEN ((size_t)64 * 1024)
#define PEER_PIECE_LEN ((size_t)1024 * 1024)
/* Frames that both kinds of client exchange with the peer around the timed part. */
#define GO_TEXT "go"
#define GO_FRAME_LEN 8    /* masked */
#define ACK_FRAME_LEN 4   /* "ok", from the peer */
#define CLOSE_FRAME_LEN 8 /* masked, with code 1000 */

/** Reads the path of a job ("/mode/kind/size/count", up to a space or the end). */
bool job_parse(struct job *job, const char *path);
void job_path(const struct job *job, char path[JOB_PATH_CAP]);
/** The same, from the four words of a command line. */
bool job_from_words(struct job *job, char *const words[4]);

/** `size` bytes of UTF-8. */
void text_fill(char *text, size_t size, bool is_ascii);
/** Writes one text frame; returns its length. */
size_t bench_frame(uint8_t *out, const char *text, size_t len, bool is_masked);
size_t frame_len(size_t payload_len, bool is_masked);

/** Whole frames of a job, one after the other: what a sender sends again and again. Behind `len`
    the first PIECE_LEN bytes stand once more, so that a piece may begin anywhere. */
struct batch {
  uint8_t *data;
  size_t len;
};
/** As many frames as make at least `min_len` bytes, PIECE_LEN or more. */
struct batch batch_new(const struct job *job, bool is_masked, size_t min_len);

struct stopwatch {
  uint64_t wall_ns, user_ns, sys_ns;
};
/** Now, on the monotonic clock. */
uint64_t clock_ns(void);
void stopwatch_start(struct stopwatch *watch);
void stopwatch_stop(struct stopwatch *watch);
/** One line of JSON, without the closing brace. */
void stopwatch_print(const struct stopwatch *watch);

/** What a client was started with. */
struct client_args {
  const char *tls_word; /* "--tls" or a word that begins so, or NULL for a plain connection */
  const char *ca_file;  /* NULL for a plain connection */
  const char *port;
  struct job job;
};
/** Reads "[--tls CA.PEM] PORT MODE KIND SIZE COUNT", or ends the program with `usage`. */
void client_args_read(struct client_args *args, int argc, char **argv, const char *usage);

/** How long each round trip of a ping-pong took. */
struct laps {
  uint64_t *ns; /* `cap` of them; NULL where nobody counts laps */
  uint64_t count, cap, begun_ns;
};
void laps_init(struct laps *laps, const struct job *job);
void laps_begin(struct laps *laps);
void laps_end(struct laps *laps);
/** Sorts and frees them; prints members of a JSON object, with a comma before each. */
void laps_print(struct laps *laps);

/** Resident memory of this process. */
size_t resident_bytes(void);
/* How long idle clients wait before their memory is measured: long enough for every sweep of
   buffers, well before the first heartbeat. */
#define SETTLE_MS 8000
/** The result of MODE_HOLD, when all clients are open and have settled: one line of JSON. */
void hold_print(const struct job *job, size_t first_bytes);

/** Room for `wanted` descriptors, or the end with a sentence that says what to do. */
void descriptors_reserve(size_t wanted);

/** Ends the program with a sentence and, if `errno` says something, its reason. */
BENCH_NORETURN void die(const char *what);
void *must_alloc(size_t size);

#ifdef __cplusplus
}
#endif

#endif
