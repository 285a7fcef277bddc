#include "system/counter.h"
#include "unit.h"

void unit_counter(void)
{
    CHECK(counter_parse_khz("processor\t: 0\ncpu MHz\t\t: 2095.995\ncache size\t: 512 KB\n") == 2095995);
    CHECK(counter_parse_khz("\ncpu MHz\t\t: 2893\n\nprocessor\t: 1\ncpu MHz\t\t: 1.000\n") == 2893000);
    CHECK(counter_parse_khz("\ncpu MHz\t\t: 2095.9") == 2095900);
    CHECK(counter_parse_khz("\ncpu MHz\t\t: 99999999999999999999.5\n") == 0);
    CHECK(counter_parse_khz("\ncpu MHz\t\t: fast\n") == 0);
    CHECK(counter_parse_khz("\ncpu MHz") == 0);
    CHECK(counter_parse_khz("processor\t: 0\nBogoMIPS\t: 125.00\n") == 0);
    CHECK(counter_parse_khz("") == 0);
}
