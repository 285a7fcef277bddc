#include <stdio.h>

#include "unit.h"

static unsigned passed;
static unsigned failed_checks;

void unit_check(bool is_true, const char *file, int line, const char *text)
{
    if (is_true) {
        passed++;
        return;
    }
    failed_checks++;
    (void)fprintf(stderr, "not ok: %s:%d: %s\n", file, line, text);
}

int main(void)
{
    unit_absent();
    unit_counter();
    unit_files();
    unit_frame();
    unit_hold();
    unit_message();
    unit_mux();
    unit_net();
    unit_new_files();
    unit_outbox();
    unit_processor();
    unit_program();
    unit_user();
    unit_written();
    (void)printf("guest units: %u checks passed, %u failed\n", passed, failed_checks);
    return failed_checks == 0 && passed > 0 ? 0 : 1;
}
