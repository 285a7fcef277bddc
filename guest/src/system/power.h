/* Powering off. */
#ifndef GONDOLIN_POWER_H
#define GONDOLIN_POWER_H

/* Powers the guest off at once: nothing is written back. */
void power_off(void) __attribute__((noreturn));

#endif
