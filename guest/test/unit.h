/* A small harness: `CHECK(x)` counts and names what failed; each unit_*.c has one group. */
#ifndef GONDOLIN_UNIT_H
#define GONDOLIN_UNIT_H

#include <stdbool.h>

void unit_check(bool is_true, const char *file, int line, const char *text);

#define CHECK(expression) unit_check((expression), __FILE__, __LINE__, #expression)

void unit_absent(void);
void unit_counter(void);
void unit_files(void);
void unit_frame(void);
void unit_hold(void);
void unit_message(void);
void unit_mux(void);
void unit_net(void);
void unit_new_files(void);
void unit_outbox(void);
void unit_processor(void);
void unit_program(void);
void unit_user(void);
void unit_written(void);

#endif
