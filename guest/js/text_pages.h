/* The program's own code in the page tables of its forks. */
#ifndef GONDOLIN_JS_TEXT_PAGES_H
#define GONDOLIN_JS_TEXT_PAGES_H

/*
 * Lets forks of this process begin with the pages of code and constants that it has. The kernel leaves the page tables of a file's
 * mapping out of a fork, unless one of its pages was written: each engine would find its code by a dozen page faults, a tenth of a
 * restore. Nothing changes but the time: where the kernel refuses, the faults stay.
 */
void text_pages_keep(void);

#endif
