/*
 * `limpet demo`: the whole story in fifteen seconds. A relay on SQLite, people who chat with
 * outboxes, links that are reset and frozen, a relay and a person killed with SIGKILL; then a table
 * that holds what was accepted against what is stored. All parts are this program's own commands
 * in processes of their own, and the cuts are real.
 */
#include "cli.h"
#include "demo_audit.h"
#include "demo_page.h"
#include "demo_relay.h"
#include "demo_view.h"
#include "open_loop.h"
#include "option_table.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACE_MS 50
#define DRAW_MS 100
#define TIME_MAX_MS 60000
#define DOWN_MS 2000 /* so long a relay that a visitor of the page killed stays down */
#define STARTS_MAX 5 /* in vain, one after the other */

enum act { ACT_RESET, ACT_FREEZE, ACT_KILL, ACT_START, ACT_KILL_RELAY, ACT_START_RELAY };

/* What happens when, so long after everybody is there. */
static const struct scene {
  unsigned at_ms;
  enum act act;
  unsigned who;
  const char *news;
} scenes[] = {
    {1000, ACT_RESET, 0, "ada's link is reset"},
    {2000, ACT_FREEZE, 1, "bob's link is frozen: it stays open and carries nothing"},
    {3500, ACT_KILL_RELAY, 0, "the relay is killed"},
    {4500, ACT_START_RELAY, 0, "the relay is started again"},
    {6000, ACT_KILL, 1, "bob's program is killed"},
    {7000, ACT_START, 1, "bob's program is started again, with the same outbox"},
    {7500, ACT_RESET, 2, "eve's link is reset"},
    {8500, ACT_FREEZE, 0, "ada's link is frozen"},
    {9500, ACT_RESET, 1, "bob's link is reset"},
};

#define SCENES_COUNT (sizeof scenes / sizeof *scenes)
#define SIGNALS_COUNT 3

static const char *const names[DEMO_CHATTERS] = {"ada", "bob", "eve"};

struct wishes {
  bool is_kept;
  const char *web; /* or NULL */
};

enum demo_phase { DEMO_STARTING, DEMO_PLAYING, DEMO_LEAVING, DEMO_AUDITING, DEMO_KEPT, DEMO_OVER };

struct demo {
  uv_loop_t loop;
  uv_timer_t pace, draw;
  uv_signal_t signals[SIGNALS_COUNT];
  struct demo_relay relay;
  struct demo_chatter chatters[DEMO_CHATTERS];
  struct demo_audit audit;
  struct demo_view view;
  char folder[192]; /* the paths below it fit into 256 */
  uint64_t play_ms; /* when the play began */
  size_t next_scene;
  enum demo_phase phase;
  unsigned starts; /* of a kept relay, since it was last ready */
  bool is_kept;
  int status;
};

/* ---- the end ---- */

static void close_handles(struct demo *demo) {
  demo->phase = DEMO_OVER;
  uv_close((uv_handle_t *)&demo->pace, NULL);
  uv_close((uv_handle_t *)&demo->draw, NULL);
  for (size_t i = 0; i < SIGNALS_COUNT; i++)
    uv_close((uv_handle_t *)&demo->signals[i], NULL);
  for (unsigned i = 0; i < DEMO_CHATTERS; i++) {
    demo_chatter_kill(&demo->chatters[i]);
    if (demo->chatters[i].cutter)
      demo_cutter_free(demo->chatters[i].cutter);
  }
  if (demo->audit.child)
    demo_child_kill(demo->audit.child, SIGKILL);
  demo_relay_end(&demo->relay);
}

static void fail(struct demo *demo, const char *what) {
  if (demo->phase == DEMO_OVER)
    return;
  demo->status = complain("the demo cannot go on: %s", what);
  close_handles(demo);
}

static void remove_folder(const char *folder) {
  DIR *dir = opendir(folder);
  char path[512];
  const struct dirent *entry;
  while (dir && (entry = readdir(dir))) {
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (entry->d_name[0] != '.')
      (void)unlink(path);
  }
  if (dir)
    (void)closedir(dir);
  (void)rmdir(folder);
}

static void tell_address(const struct demo *demo) {
  printf("\n  The relay goes on at http://%s until Ctrl-C. Try, in another terminal:\n"
         "    limpet chat --user you --conversation demo ws://%s\n",
         demo->relay.address, demo->relay.address);
  if (demo->relay.web)
    printf("  Or break it yourself, in a browser:\n    http://%s/\n", demo->relay.address);
  fflush(stdout);
}

static void on_audited(void *user) {
  struct demo *demo = user;
  demo_view_draw(&demo->view);
  demo_view_table(&demo->view, &demo->audit);
  demo->status = demo_audit_is_clean(&demo->audit) ? EXIT_DONE : EXIT_DROPPED;
  if (!demo->is_kept) {
    close_handles(demo);
    return;
  }
  tell_address(demo);
  demo->phase = DEMO_KEPT;
}

/* ---- the play ---- */

static bool has_seen_all(const struct demo *demo) {
  for (unsigned i = 0; i < DEMO_CHATTERS; i++)
    for (unsigned j = 0; j < DEMO_CHATTERS; j++)
      if (demo->chatters[i].seen[j].highest < DEMO_MESSAGES)
        return false;
  return true;
}

static bool is_played(const struct demo *demo) {
  for (unsigned i = 0; i < DEMO_CHATTERS; i++)
    if (demo->chatters[i].said < DEMO_MESSAGES)
      return false;
  return demo->next_scene == SCENES_COUNT && has_seen_all(demo);
}

static bool is_anybody_there(const struct demo *demo) {
  for (unsigned i = 0; i < DEMO_CHATTERS; i++)
    if (demo->chatters[i].child)
      return true;
  return false;
}

static void act(struct demo *demo, const struct scene *scene) {
  struct demo_chatter *who = &demo->chatters[scene->who];
  switch (scene->act) {
  case ACT_RESET:
    demo_chatter_cut(who, DEMO_RESET);
    break;
  case ACT_FREEZE:
    demo_chatter_cut(who, DEMO_FREEZE);
    break;
  case ACT_KILL:
    demo_chatter_kill(who);
    break;
  case ACT_START:
    if (!demo_chatter_start(who))
      fail(demo, "a chat cannot be started");
    break;
  case ACT_KILL_RELAY:
    demo_relay_kill(&demo->relay);
    break;
  case ACT_START_RELAY:
    if (!demo_relay_start(&demo->relay))
      fail(demo, "the relay cannot be started");
    break;
  }
}

static void play(struct demo *demo) {
  const uint64_t played_ms = limpet_now_ms() - demo->play_ms;
  while (demo->phase == DEMO_PLAYING && demo->next_scene < SCENES_COUNT &&
         scenes[demo->next_scene].at_ms <= played_ms) {
    const struct scene *scene = &scenes[demo->next_scene++];
    demo_view_tell(&demo->view, scene->news);
    act(demo, scene);
  }
  for (unsigned i = 0; i < DEMO_CHATTERS; i++)
    demo_chatter_speak(&demo->chatters[i]);
}

static void go_on(struct demo *demo) {
  if (demo->phase == DEMO_PLAYING && is_played(demo)) {
    demo_view_tell(&demo->view, "everything was said, and everybody has seen it");
    demo->phase = DEMO_LEAVING;
    for (unsigned i = 0; i < DEMO_CHATTERS; i++)
      demo_chatter_end(&demo->chatters[i]);
  } else if (demo->phase == DEMO_LEAVING && !is_anybody_there(demo)) {
    demo->phase = DEMO_AUDITING;
    if (!demo_audit_start(&demo->audit, &demo->loop, demo->relay.address))
      fail(demo, "the store cannot be read");
  }
}

/* The page can kill the relay: it comes back. */
static void keep_relay(struct demo *demo) {
  if (demo->relay.child || limpet_now_ms() - demo->relay.ended_ms < DOWN_MS)
    return;
  if (demo->starts++ == STARTS_MAX || !demo_relay_start(&demo->relay))
    fail(demo, "the relay cannot be started again");
}

static void on_pace(uv_timer_t *timer) {
  struct demo *demo = timer->data;
  if (demo->phase == DEMO_KEPT) {
    keep_relay(demo);
    return;
  }
  if (demo->phase == DEMO_PLAYING)
    play(demo);
  go_on(demo);
  if (demo->phase != DEMO_OVER && limpet_now_ms() - demo->play_ms > TIME_MAX_MS)
    fail(demo, "it did not come to its end within a minute");
}

static void on_draw(uv_timer_t *timer) {
  struct demo *demo = timer->data;
  if (demo->phase == DEMO_PLAYING || demo->phase == DEMO_LEAVING)
    demo_view_draw(&demo->view);
}

/* ---- the beginning ---- */

static void on_relay_ready(void *user) {
  struct demo *demo = user;
  demo->starts = 0;
  if (demo->phase != DEMO_STARTING)
    return;
  demo->phase = DEMO_PLAYING;
  demo->play_ms = demo->view.start_ms = limpet_now_ms();
  demo_view_tell(&demo->view, "the relay is up, everybody comes");
  for (unsigned i = 0; i < DEMO_CHATTERS; i++) {
    struct demo_chatter *c = &demo->chatters[i];
    c->cutter = demo_cutter_new(&demo->loop, demo_relay_port(&demo->relay));
    if (!c->cutter || !demo_chatter_start(c)) {
      fail(demo, "a chat cannot be started");
      return;
    }
  }
}

static void init_people(struct demo *demo) {
  for (unsigned i = 0; i < DEMO_CHATTERS; i++) {
    struct demo_chatter *c = &demo->chatters[i];
    c->name = names[i];
    c->names = names;
    c->loop = &demo->loop;
    (void)snprintf(c->outbox, sizeof c->outbox, "%s/%s.outbox", demo->folder, names[i]);
  }
  demo->relay = (struct demo_relay){.loop = &demo->loop, .ready = on_relay_ready, .user = demo};
  (void)snprintf(demo->relay.store, sizeof demo->relay.store, "%s/relay.db", demo->folder);
  demo->audit = (struct demo_audit){.chatters = demo->chatters, .done = on_audited, .user = demo};
  demo->view.chatters = demo->chatters;
  demo->view.relay = &demo->relay;
}

static void on_signal(uv_signal_t *handle, int number) {
  struct demo *demo = handle->data;
  if (demo->phase == DEMO_OVER)
    return;
  if (demo->phase != DEMO_KEPT)
    demo->status = EXIT_SIGNAL + number;
  close_handles(demo);
}

/* Who says nohup wants it to outlive its terminal. */
static bool is_ignored(int number) {
  struct sigaction present;
  return sigaction(number, NULL, &present) == 0 && present.sa_handler == SIG_IGN;
}

/* Without a terminal there is nobody to watch, and its relay would take SIGHUP for a wish to read
   its files again, and stay. */
static void watch_signals(struct demo *demo) {
  static const int numbers[SIGNALS_COUNT] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < SIGNALS_COUNT; i++) {
    uv_signal_init(&demo->loop, &demo->signals[i]);
    demo->signals[i].data = demo;
    if (numbers[i] != SIGHUP || !is_ignored(SIGHUP))
      uv_signal_start(&demo->signals[i], on_signal, numbers[i]);
  }
}

static void init_handles(struct demo *demo) {
  uv_timer_init(&demo->loop, &demo->pace);
  uv_timer_init(&demo->loop, &demo->draw);
  demo->pace.data = demo->draw.data = demo;
  demo->play_ms = limpet_now_ms();
  uv_timer_start(&demo->pace, on_pace, PACE_MS, PACE_MS);
  uv_timer_start(&demo->draw, on_draw, DRAW_MS, DRAW_MS);
  watch_signals(demo);
}

static bool make_folder(struct demo *demo) {
  const char *base = getenv("TMPDIR");
  (void)snprintf(demo->folder, sizeof demo->folder, "%.160s/limpet-demo-XXXXXX",
                 base && *base ? base : "/tmp");
  return mkdtemp(demo->folder) != NULL;
}

static int run(const struct wishes *wishes) {
  static struct demo demo;
  demo.is_kept = wishes->is_kept;
  if (!make_folder(&demo))
    return complain("no folder for the demo's files can be made in %.160s", demo.folder);
  if (!open_loop(&demo.loop)) {
    remove_folder(demo.folder);
    return EXIT_CRITICAL;
  }
  init_handles(&demo);
  init_people(&demo);
  demo.relay.web = wishes->web;
  demo_view_begin(&demo.view);
  if (!demo_relay_start(&demo.relay))
    fail(&demo, "the relay cannot be started");
  uv_run(&demo.loop, UV_RUN_DEFAULT);
  uv_loop_close(&demo.loop);
  remove_folder(demo.folder);
  return demo.status;
}

/* ---- the command line ---- */

static const struct option_row rows[] = {
    {"keep", NULL, "leave the relay running at the end, and print its address\nand the page's",
     option_true, offsetof(struct wishes, is_kept), 0, 0},
    {"web", "DIR",
     "with --keep: the page to serve, instead of the demo's own,\n"
     "which is found where it was built or installed",
     option_text, offsetof(struct wishes, web), 0, 0},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

static void print_help(void) {
  puts("Usage: limpet demo [--keep [--web DIR]]\n\n"
       "Runs a relay on SQLite and three chatting programs, each with an outbox and a bad\n"
       "network: links are reset and frozen, the relay and one program are killed with SIGKILL\n"
       "and started again. Then it holds what was accepted against what is stored. The exit\n"
       "status is 0 if nothing was lost, repeated or out of order.\n\n"
       "With --keep a page in the browser goes on with it, if it was built: a chat whose link\n"
       "and relay you break yourself.\n\n"
       "Options:");
  options_print(rows, ROWS_COUNT);
  options_print_last();
  puts("\nExit status: 0 nothing was lost; 1 usage, or it could not run; 4 something was; 129,\n"
       "130, 143 interrupted.\n\n"
       "Examples:\n  limpet demo\n  limpet demo --keep");
}

/* Only a relay that stays, for this machine alone, lets a page kill it. */
static int prepare(struct wishes *wishes) {
  static char found[DEMO_PAGE_CAP];
  char pid[24];
  (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
  if (setenv("LIMPET_DEMO_PID", pid, 1) != 0)
    return complain("no memory");
  if (wishes->web && !wishes->is_kept)
    return complain("--web is for a relay that stays: it needs --keep");
  if (!wishes->is_kept)
    return EXIT_DONE;
  if (!wishes->web && demo_page_find(found))
    wishes->web = found;
  if (wishes->web && !demo_page_is_there(wishes->web))
    return complain("--web: %.200s has no index.html", wishes->web);
  if (setenv("LIMPET_DEMO_LEVERS", "1", 1) != 0)
    return complain("no memory");
  return EXIT_DONE;
}

int demo_main(int argc, char **argv) {
  struct wishes wishes = {0};
  int first;
  const enum option_outcome outcome = options_parse(argc, argv, rows, ROWS_COUNT, &wishes, &first);
  if (outcome == OPTIONS_HELP)
    print_help();
  if (outcome == OPTIONS_VERSION)
    puts("limpet " LIMPET_VERSION);
  if (outcome != OPTIONS_OK)
    return outcome == OPTIONS_BAD ? EXIT_USAGE : EXIT_DONE;
  if (first < argc)
    return complain("demo takes no operand: '%s'; --help tells more", option_shown(argv[first]));
  const int status = prepare(&wishes);
  return status == EXIT_DONE ? run(&wishes) : status;
}
