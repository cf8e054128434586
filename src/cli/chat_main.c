/* `limpet chat`: a conversation on the terminal, or as plain lines where there is none. */
#include "chat_run.h"
#include "cli.h"
#include "events.h"
#include "glyph.h"
#include "screen.h"
#include "terminal.h"

#include <unistd.h>

/* Events would be written over the screen; into a file they are welcome. */
static void init_events(const struct connect_options *options, bool has_screen) {
  const bool is_in_the_way = has_screen && isatty(STDERR_FILENO) == 1;
  screen_init(false);
  events_init(is_in_the_way ? EVENTS_NONE : options->events, options->is_verbose);
}

int chat_main(int argc, char **argv) {
  static struct chat_run run;
  int status;
  if (chat_command_parse(&run.command, argc, argv, &status)) {
    const bool has_screen = terminal_is_usable();
    glyph_init();
    init_events(&run.command.connect, has_screen);
    status = chat_run_main(&run, has_screen ? &chat_face_screen : &chat_face_plain);
  }
  chat_command_deinit(&run.command);
  return status;
}
