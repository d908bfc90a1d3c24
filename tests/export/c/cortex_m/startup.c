/* The start of a program on a Cortex-M in QEMU. newlib's rdimon library provides files and arguments by semihosting. */
#include <stdint.h>

extern uint32_t stack_top;
extern void _start(void);

static void reset(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* turn on the floating-point unit */
    __asm__ volatile("dsb\n isb");
#endif
    _start();
}

static void fault(void)
{
    for (;;)
        __asm__ volatile("mov r0, #0x18\n ldr r1, =0x20023\n bkpt 0xAB" ::: "r0", "r1"); /* exit with a failure */
}

__attribute__((section(".vectors"), used)) static const struct {
    const void *stack;
    void (*handlers[15])(void);
} vectors = {&stack_top, {reset, fault, fault, fault, fault, fault}};
