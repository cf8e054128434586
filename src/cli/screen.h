/*
 * The live status line in the bottom row of a terminal on stderr, and colours. The row is kept out
 * of the scrolling part, so that what is typed and what arrives never mix with it. Where stderr is
 * no terminal there is neither. NO_COLOR switches colours off (no-color.org).
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <limpet/limpet.h>
#include <stdbool.h>
#include <stdio.h>

enum screen_colour { SCREEN_PLAIN, SCREEN_GREEN, SCREEN_YELLOW, SCREEN_RED, SCREEN_DIM };

void screen_init(bool has_status_line);
/** Gives the bottom row back. */
void screen_deinit(void);
bool screen_has_status_line(void);
/** The escape sequence, or "" where there is no colour. */
const char *screen_colour(enum screen_colour colour);
enum screen_colour screen_state_colour(limpet_state state);
/** The escape sequence, for whoever knows that colours are welcome. */
const char *screen_colour_code(enum screen_colour colour);
/** A terminal that takes escape sequences; and one where colours are not unwanted. */
bool screen_is_terminal(FILE *file);
bool screen_takes_colour(FILE *file);
/** Draws the status line anew if it, or the terminal's size, changed. */
void screen_draw(limpet_client *client);

#endif
