#include "runtime/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

bool failed(struct failure *failure, const char *format, ...)
{
    failure->error = errno;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->stage, sizeof failure->stage, format, arguments);
    va_end(arguments);
    return false;
}
