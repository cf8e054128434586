/* Look-ups of a test that hang until it lets them go. */
#ifndef SUPPORT_NET_GATE_H
#define SUPPORT_NET_GATE_H

/** For a test's resolver, on its thread: "hangs.example" waits here until the gate opens. */
void gate_pass(const char *host);
/** Lets all through that wait, waits until none is left inside, and closes the gate again. */
void gate_open(void);

#endif
