/* A folder of a test's own. */
#ifndef FOLDER_H
#define FOLDER_H

#define FOLDER_CAP 300

void folder_make(char path[FOLDER_CAP]);
/** With the files in it. */
void folder_remove(const char *path);

#endif
