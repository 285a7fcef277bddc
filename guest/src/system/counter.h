/* The processor's counter that the kernel's clock is made of. */
#ifndef GONDOLIN_COUNTER_H
#define GONDOLIN_COUNTER_H

#include <stdint.h>

/* Returns the rate of the counter as this kernel measured it at its boot, in kHz; 0 if it measured none. */
uint32_t counter_khz(void);

/* Returns the rate of the first processor in the text of /proc/cpuinfo, in kHz; 0 if there is none. */
uint32_t counter_parse_khz(const char *cpuinfo);

#endif
