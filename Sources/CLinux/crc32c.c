#include "clinux.h"
#include <string.h>

static uint32_t by_table(uint32_t value, const unsigned char *bytes, size_t count) {
    static uint32_t table[256];
    static int is_ready = 0;
    // Threads that come here at once write the same values; the flag is set behind them.
    if (!__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE)) {
        for (uint32_t index = 0; index < 256; index++) {
            uint32_t entry = index;
            for (int bit = 0; bit < 8; bit++) entry = entry & 1 ? entry >> 1 ^ 0x82f63b78u : entry >> 1;
            __atomic_store_n(&table[index], entry, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&is_ready, 1, __ATOMIC_RELEASE);
    }
    for (; count > 0; count--, bytes++) value = value >> 8 ^ table[(value ^ *bytes) & 0xff];
    return value;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t value, const unsigned char *bytes,
                                                                 size_t count) {
    uint64_t wide = value;
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    value = (uint32_t)wide;
    for (; count > 0; count--, bytes++) value = __builtin_ia32_crc32qi(value, *bytes);
    return value;
}
#endif

uint32_t clinux_crc32c(uint32_t value, const void *bytes, size_t count) {
    value = ~value;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(value, bytes, count);
#endif
    return ~by_table(value, bytes, count);
}
