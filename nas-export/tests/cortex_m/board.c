/* Starts the board, runs the network on the images and prints the bytes of its scores, then the bytes of
   stack that it used, through semihosting: without a C library. */
#include "images.h"
#include "network.h"

extern uint32_t bss_start[], bss_end[], stack_end[];

void reset(void);

__attribute__((section(".vectors"), used)) static void *const vectors[2] = {stack_end, (void *)reset};

static int32_t host(int32_t operation, const void *argument)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void *memset(void *to, int value, uint32_t count)
{
    uint8_t *bytes = to;
    while (count--)
        *bytes++ = (uint8_t)value;
    return to;
}

void *memcpy(void *to, const void *from, uint32_t count)
{
    uint8_t *bytes = to;
    const uint8_t *source = from;
    while (count--)
        *bytes++ = *source++;
    return to;
}

static void print(uint32_t value, int32_t digits, char end)
{
    char text[10];
    int32_t i;
    for (i = digits - 1; i >= 0; i--, value >>= 4)
        text[i] = "0123456789abcdef"[value & 15];
    text[digits] = end;
    text[digits + 1] = 0;
    host(0x04, text);
}

static void run(void)
{
    static SCORE scores[NETWORK_CLASSES];
    int32_t image, i;
    for (image = 0; image < IMAGES; image++) {
        network_run(images[image], scores);
        for (i = 0; i < NETWORK_CLASSES; i++) {
            uint32_t bits = 0;
            memcpy(&bits, &scores[i], sizeof scores[i]);
            print(bits, 8, i + 1 < NETWORK_CLASSES ? ' ' : '\n');
        }
    }
}

__attribute__((noinline)) void start(void)
{
    uint32_t *place, *here = (uint32_t *)__builtin_frame_address(0) - 32;
    /* What is still so afterwards has never been used. */
    for (place = bss_end; place < here; place++)
        *place = 0xa5a5a5a5;
    run();
    for (place = bss_end; place < here && *place == 0xa5a5a5a5; place++)
        ;
    print((uint32_t)((uint8_t *)stack_end - (uint8_t *)place), 8, '\n');
    host(0x18, (const void *)0x20026);
}

void reset(void)
{
    uint32_t *place;
    for (place = bss_start; place < bss_end; place++)
        *place = 0;
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= 0xf << 20;
    __asm__ volatile("dsb\nisb");
#endif
    start();
    for (;;)
        ;
}
