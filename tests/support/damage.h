/* Damage to a SQLite file that SQLite itself does not see. */
#ifndef DAMAGE_H
#define DAMAGE_H

/** The second and the third row of a small table, or of an index, change places. The file is
    closed, and all of the table lies in one page. */
void damage_order(const char *path, const char *table);

#endif
