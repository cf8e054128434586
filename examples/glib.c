/*
 * A program on GLib's main loop (GTK, GStreamer, GNOME): a pump is a GSource. Says the time every
 * so often and prints what arrives.
 *
 *     limpet serve &
 *     example-glib ws://127.0.0.1:8085/echo 1000
 *
 * SIGINT or SIGTERM ends it. limpet_source_new() is the part to take home.
 */
#include <glib-unix.h>
#include <limpet/limpet.h>
#include <stdio.h>
#include <stdlib.h>

#define CLOSE_MS 1000

/* ---- a pump as a source ---- */

struct limpet_source {
  GSource source;
  limpet_pump *pump;
  gpointer fd_tag;
};

/* Asked right before each sleep, so whatever was sent since is seen. */
static gboolean prepare(GSource *source, gint *timeout_ms) {
  *timeout_ms = limpet_pump_timeout_ms(((struct limpet_source *)source)->pump);
  return *timeout_ms == 0;
}

static gboolean check(GSource *source) {
  struct limpet_source *ours = (struct limpet_source *)source;
  return (g_source_query_unix_fd(source, ours->fd_tag) & G_IO_IN) ||
         limpet_pump_timeout_ms(ours->pump) == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc unused, gpointer user) {
  (void)unused, (void)user;
  limpet_pump_run(((struct limpet_source *)source)->pump);
  return G_SOURCE_CONTINUE;
}

/* The pump stays the caller's, and outlives the source. */
static GSource *limpet_source_new(limpet_pump *pump) {
  static GSourceFuncs functions = {.prepare = prepare, .check = check, .dispatch = dispatch};
  GSource *source = g_source_new(&functions, sizeof(struct limpet_source));
  struct limpet_source *ours = (struct limpet_source *)source;
  ours->pump = pump;
  ours->fd_tag = g_source_add_unix_fd(source, limpet_pump_fd(pump), G_IO_IN);
  return source;
}

/* ---- the program ---- */

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)user;
  printf("received %.*s\n", (int)len, data);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)from, (void)user;
  printf("%s (%s)\n", limpet_state_name(to), limpet_reason_name(reason));
}

static gboolean on_tick(gpointer client) {
  static unsigned ticks_count;
  const limpet_send_options how = {.replace_key = "tick"}; /* of those that wait only the newest */
  char text[32];
  const int len = snprintf(text, sizeof text, "tick %u", ++ticks_count);
  if (limpet_send_text(client, text, (size_t)len, &how, NULL) != LIMPET_OK)
    g_printerr("a tick was not sent\n");
  return G_SOURCE_CONTINUE;
}

static gboolean on_signal(gpointer loop) {
  g_main_loop_quit(loop);
  return G_SOURCE_CONTINUE;
}

/* The default context goes on turning until the client has taken its leave. */
static void end(limpet_pump *pump, limpet_client *client, GSource *source) {
  limpet_stop(client, CLOSE_MS);
  while (limpet_pump_free(pump) == LIMPET_IN_USE)
    g_main_context_iteration(NULL, TRUE);
  g_source_destroy(source);
  g_source_unref(source);
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  const int interval_ms = argc > 2 ? atoi(argv[2]) : 1000;
  limpet_pump *pump;
  limpet_client *client;
  limpet_options options;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (interval_ms < 1 || limpet_pump_new(NULL, &pump) != LIMPET_OK) {
    g_printerr("usage: %s [URL [INTERVAL_MS]]\n", argv[0]);
    return 1;
  }
  limpet_options_init(&options, sizeof options);
  options.url = argc > 1 ? argv[1] : "ws://127.0.0.1:8085/echo";
  options.callbacks.on_text = on_text;
  options.callbacks.on_state = on_state;
  options.max_retries = LIMPET_RETRY_FOREVER;
  if (limpet_new(&options, limpet_pump_loop(pump), &client, detail) != LIMPET_OK) {
    g_printerr("%s\n", detail);
    limpet_pump_free(pump);
    return 1;
  }
  GMainLoop *loop = g_main_loop_new(NULL, FALSE);
  GSource *source = limpet_source_new(pump);
  g_source_attach(source, NULL);
  g_unix_signal_add(SIGINT, on_signal, loop);
  g_unix_signal_add(SIGTERM, on_signal, loop);
  const guint ticker = g_timeout_add((guint)interval_ms, on_tick, client);
  limpet_connect(client);
  g_main_loop_run(loop);
  g_source_remove(ticker);
  end(pump, client, source);
  g_main_loop_unref(loop);
  return 0;
}
