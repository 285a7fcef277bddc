#include "system/power.h"

#include <sys/reboot.h>
#include <unistd.h>

void power_off(void)
{
    (void)reboot(RB_POWER_OFF);
    for (;;)
        (void)pause();
}
