#include "system/counter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/small_file.h"

#define KHZ_PER_MHZ 1000
#define MAX_MHZ 1000000UL

uint32_t counter_parse_khz(const char *cpuinfo)
{
    const char *line = strstr(cpuinfo, "\ncpu MHz");
    const char *colon = line == NULL ? NULL : strchr(line, ':');
    if (colon == NULL)
        return 0;
    char *end;
    unsigned long mhz = strtoul(colon + 1, &end, 10);
    if (mhz > MAX_MHZ)
        return 0;
    uint32_t khz = (uint32_t)mhz * KHZ_PER_MHZ;
    if (*end != '.')
        return khz;
    for (uint32_t unit = KHZ_PER_MHZ / 10; unit > 0 && *++end >= '0' && *end <= '9'; unit /= 10)
        khz += (uint32_t)(*end - '0') * unit;
    return khz;
}

uint32_t counter_khz(void)
{
    /* The first processor is in it whole. */
    char text[4096];
    (void)small_file_read(AT_FDCWD, "/proc/cpuinfo", text, sizeof text);
    return counter_parse_khz(text);
}
