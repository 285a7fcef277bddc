#include "net/bpf/bpf_asm.h"

#include <stdbool.h>
#include <string.h>

static bool is_jump(const struct bpf_insn *instruction)
{
    return BPF_CLASS(instruction->code) == BPF_JMP && BPF_OP(instruction->code) != BPF_CALL &&
           BPF_OP(instruction->code) != BPF_EXIT;
}

size_t bpf_asm_resolve(const struct bpf_insn *source, size_t count, struct bpf_insn *program, size_t capacity)
{
    int places[BPF_ASM_MAX_LABELS];
    int length = 0;
    memset(places, -1, sizeof places);
    for (size_t i = 0; i < count; i++) {
        if (source[i].code == CODE_LABEL)
            places[source[i].off] = length;
        else
            length++;
    }
    if ((size_t)length > capacity)
        return 0;
    int at = 0;
    for (size_t i = 0; i < count; i++) {
        if (source[i].code == CODE_LABEL)
            continue;
        program[at] = source[i];
        if (is_jump(&source[i])) {
            int place = places[source[i].off];
            /* Only forward, so that the program ends. */
            if (place <= at)
                return 0;
            program[at].off = (short)(place - at - 1);
        }
        at++;
    }
    return (size_t)length;
}
