/*
 * bench-lws: the jobs of bench-limpet on libwebsockets, on its own poll loop.
 *
 * As its documentation wants it: written to only in the writeable callback, there as many messages
 * as fit; each is copied in behind LWS_PRE, since lws_write() masks in place. Buffers are 64 KiB,
 * or as large as one message, so that a message mostly arrives in one piece; pieces are put
 * together. No extensions; UTF-8 is not checked, which is its default. It sets TCP_NODELAY by
 * itself.
 *
 *   bench-lws [--tls CA.PEM] PORT MODE KIND SIZE COUNT     one line of JSON
 */
#include "../common.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_LEN ((size_t)64 * 1024)

struct run {
  struct client_args args;
  char path[JOB_PATH_CAP];
  struct lws_context *context;
  struct stopwatch watch;
  struct laps laps;
  uint8_t *message; /* LWS_PRE bytes and what is sent */
  char *text;       /* what is to be sent */
  char *gathered;   /* a message that arrives in pieces */
  size_t gathered_len;
  uint64_t done_count;
  bool is_over;
  uint64_t settled_ns; /* MODE_HOLD, once all are open */
  size_t first_bytes;
};

static struct run *run_of(struct lws *wsi) {
  return lws_context_user(lws_get_context(wsi));
}

static void dial(struct run *run) {
  struct lws_client_connect_info info = {0};
  info.context = run->context;
  info.address = "127.0.0.1";
  info.host = info.origin = "localhost";
  info.port = atoi(run->args.port);
  info.path = run->path;
  info.protocol = NULL;
  info.local_protocol_name = "bench";
  info.ssl_connection = run->args.ca_file != NULL ? LCCSCF_USE_SSL : 0;
  if (lws_client_connect_via_info(&info) == NULL)
    die("lws_client_connect_via_info");
}

static void finish(struct run *run) {
  stopwatch_stop(&run->watch);
  run->is_over = true;
  lws_cancel_service(run->context);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void write_text(struct run *run, struct lws *wsi, const char *text, size_t len) {
  memcpy(run->message + LWS_PRE, text, len);
  if (lws_write(wsi, run->message + LWS_PRE, len, LWS_WRITE_TEXT) < 0)
    die("lws_write");
}

static void write_burst(struct run *run, struct lws *wsi) {
  while (run->done_count < run->args.job.count && !lws_partial_buffered(wsi)) {
    write_text(run, wsi, run->text, run->args.job.size);
    run->done_count++;
  }
  if (run->done_count < run->args.job.count)
    lws_callback_on_writable(wsi);
}

/** Not 0: the connection is to be closed. */
static int on_writeable(struct run *run, struct lws *wsi) {
  switch (run->args.job.mode) {
  case MODE_RECEIVE:
    write_text(run, wsi, GO_TEXT, strlen(GO_TEXT));
    return 0;
  case MODE_SEND:
    write_burst(run, wsi);
    return 0;
  case MODE_PINGPONG:
    write_text(run, wsi, run->text, run->args.job.size);
    return 0;
  case MODE_CONNECT:
    lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
    return -1;
  default:
    return 0;
  }
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void ask_again(struct run *run, struct lws *wsi) {
  laps_begin(&run->laps);
  lws_callback_on_writable(wsi);
}

static void on_message(struct run *run, struct lws *wsi, const char *data, size_t len) {
  const struct job *const job = &run->args.job;
  (void)data;
  laps_end(&run->laps);
  if (job->mode == MODE_SEND)
    finish(run); /* the peer has read all */
  else if (len != job->size)
    die("a message of another size");
  else if (++run->done_count == job->count)
    finish(run);
  else if (job->mode == MODE_PINGPONG)
    ask_again(run, wsi);
}

static void on_piece(struct run *run, struct lws *wsi, const char *data, size_t len) {
  const bool is_last = lws_remaining_packet_payload(wsi) == 0 && lws_is_final_fragment(wsi);
  if (is_last && run->gathered_len == 0) {
    on_message(run, wsi, data, len);
    return;
  }
  if (len > run->args.job.size - run->gathered_len)
    die("a message of another size");
  memcpy(run->gathered + run->gathered_len, data, len);
  run->gathered_len += len;
  if (!is_last)
    return;
  const size_t whole_len = run->gathered_len;
  run->gathered_len = 0;
  on_message(run, wsi, run->gathered, whole_len);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void on_open_idle(struct run *run) {
  if (run->done_count++ == 0)
    run->first_bytes = resident_bytes();
  if (run->done_count < run->args.job.count)
    dial(run);
  else
    run->settled_ns = clock_ns() + (uint64_t)SETTLE_MS * 1000000;
}

static void on_open(struct run *run, struct lws *wsi) {
  if (run->args.job.mode == MODE_HOLD) {
    on_open_idle(run);
    return;
  }
  if (run->args.job.mode != MODE_CONNECT)
    stopwatch_start(&run->watch);
  ask_again(run, wsi);
}

static void on_closed(struct run *run) {
  if (run->is_over)
    return;
  if (run->args.job.mode != MODE_CONNECT)
    die("the peer closed early");
  if (run->done_count == 0)
    stopwatch_start(&run->watch); /* the first one warms up */
  if (run->done_count++ == run->args.job.count)
    finish(run);
  else
    dial(run);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len) {
  (void)user;
  switch (reason) {
  case LWS_CALLBACK_CLIENT_ESTABLISHED:
    on_open(run_of(wsi), wsi);
    return 0;
  case LWS_CALLBACK_CLIENT_WRITEABLE:
    return on_writeable(run_of(wsi), wsi);
  case LWS_CALLBACK_CLIENT_RECEIVE:
    on_piece(run_of(wsi), wsi, in, len);
    return 0;
  case LWS_CALLBACK_CLIENT_CLOSED:
    on_closed(run_of(wsi));
    return 0;
  case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    die(in != NULL ? in : "no connection");
  default:
    return 0;
  }
}

/* ---- main ------------------------------------------------------------------------------------ */

static struct lws_context *context_new(struct run *run, size_t buffer_len) {
  static struct lws_protocols protocols[] = {{.name = "bench", .callback = on_event}, {0}};
  struct lws_context_creation_info info = {0};
  protocols[0].rx_buffer_size = protocols[0].tx_packet_size = buffer_len;
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.protocols = protocols;
  info.user = run;
  info.pt_serv_buf_size = (unsigned)buffer_len;
  info.fd_limit_per_thread =
      (unsigned)(run->args.job.mode == MODE_HOLD ? run->args.job.count : 0) + 64;
  info.gid = info.uid = -1;
  if (run->args.ca_file != NULL) {
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.client_ssl_ca_filepath = run->args.ca_file;
  }
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context *const context = lws_create_context(&info);
  if (context == NULL)
    die("lws_create_context");
  return context;
}

static void serve(struct run *run) {
  while (!run->is_over) {
    if (lws_service(run->context, 0) < 0)
      die("lws_service");
    if (run->settled_ns != 0 && clock_ns() > run->settled_ns)
      break;
  }
}

static void report(struct run *run) {
  if (run->args.job.mode == MODE_HOLD) {
    hold_print(&run->args.job, run->first_bytes);
    return;
  }
  stopwatch_print(&run->watch);
  laps_print(&run->laps);
  printf("}\n");
}

int main(int argc, char **argv) {
  static struct run run;
  client_args_read(&run.args, argc, argv,
                   "usage: bench-lws [--tls CA.PEM] PORT MODE KIND SIZE COUNT");
  const struct job *const job = &run.args.job;
  const size_t buffer_len = job->size > BUFFER_LEN ? job->size : BUFFER_LEN;
  job_path(job, run.path);
  run.text = must_alloc(job->size);
  text_fill(run.text, job->size, job->is_ascii);
  run.message = must_alloc(LWS_PRE + buffer_len);
  run.gathered = must_alloc(job->size);
  laps_init(&run.laps, job);
  if (job->mode == MODE_HOLD)
    descriptors_reserve(job->count + 64);
  run.context = context_new(&run, buffer_len);
  dial(&run);
  serve(&run);
  report(&run);
  run.is_over = true;
  lws_context_destroy(run.context);
  free(run.gathered);
  free(run.message);
  free(run.text);
  return 0;
}
