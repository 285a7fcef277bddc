#include "text_pages.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE_BYTES 4096ul

/* Writes to the first page of a segment what it has, which makes it a page of this process. */
static void write_one_page(uintptr_t start, size_t length, int protection)
{
    volatile uint8_t *byte;
    void *address = (void *)start;
    if (mprotect(address, length, protection | PROT_WRITE) != 0)
        return;
    byte = address;
    *byte = *byte;
    (void)mprotect(address, length, protection);
}

static int keep_object(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0)
            continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(PAGE_BYTES - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
        write_one_page(start, end - start, PROT_READ | ((segment->p_flags & PF_X) != 0 ? PROT_EXEC : 0));
    }
    /* The program is the first object, and the only one with segments of its own. */
    return 1;
}

void text_pages_keep(void)
{
    (void)dl_iterate_phdr(keep_object, NULL);
}
