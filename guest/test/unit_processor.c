#include "file/pump_processor.h"
#include "unit.h"

#define FIELDS_4_TO_38                                                                                                 \
    " 1 85 85 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 71 1216512 93 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17"

static void reads_the_processor_of_a_thread(void)
{
    CHECK(pump_processor_parse("85 (cc) D" FIELDS_4_TO_38 " 1 0 0 0\n") == 1);
    CHECK(pump_processor_parse("85 (a) b) 9 9 9) S" FIELDS_4_TO_38 " 12 0\n") == 12);
}

static void refuses_other_texts(void)
{
    CHECK(pump_processor_parse("") == -1);
    CHECK(pump_processor_parse("85 (cc) D 1 2 3\n") == -1);
    CHECK(pump_processor_parse("85 (cc) D" FIELDS_4_TO_38 " -1 0\n") == -1);
    CHECK(pump_processor_parse("85 (cc) D" FIELDS_4_TO_38 " x 0\n") == -1);
    CHECK(pump_processor_parse("85 (cc) D" FIELDS_4_TO_38 " 99999999 0\n") == -1);
}

void unit_processor(void)
{
    reads_the_processor_of_a_thread();
    refuses_other_texts();
}
