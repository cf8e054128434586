/*
 * The live status line at the bottom of a terminal on stderr, and colours. Where stderr is no
 * terminal there is neither. NO_COLOR switches colours off (no-color.org).
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <limpet/limpet.h>
#include <stdbool.h>

enum screen_colour { SCREEN_PLAIN, SCREEN_GREEN, SCREEN_YELLOW, SCREEN_RED, SCREEN_DIM };

void screen_init(bool has_status_line);
/** The escape sequence, or "" where there is no colour. */
const char *screen_colour(enum screen_colour colour);
enum screen_colour screen_state_colour(limpet_state state);
/** Before anything else is printed on the terminal. */
void screen_clear(void);
/** Draws the line anew if it changed. */
void screen_draw(limpet_client *client);
/** Whether it was cleared and should be drawn again. */
bool screen_has_status_line(void);

#endif
