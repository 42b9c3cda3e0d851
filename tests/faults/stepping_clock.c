/* Puts the wall clock of one process forward or back while it runs; see stepping_clock.py.
 *
 * Preloaded (ld.so(8)), this answers for the C library. The offset in microseconds is read from a
 * mapped file, so that it may change at any time. Only the wall clock steps: CLOCK_MONOTONIC does
 * not. To look up the C library's own function may need memory, and an allocator that asks for the
 * time while it starts comes here again: until the function is known, the kernel is asked.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_us;
static int (*ask_library)(clockid_t, struct timespec *);

__attribute__((constructor)) static void prepare(void) {
    ask_library = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("STEPPING_CLOCK_FILE");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *found = mmap(NULL, sizeof *offset_us, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED) offset_us = found;
}

static int ask(clockid_t clock, struct timespec *answer) {
    if (ask_library != NULL) return ask_library(clock, answer);
    return (int)syscall(SYS_clock_gettime, clock, answer);
}

static int64_t wall_clock_ns(void) {
    struct timespec now;
    ask(CLOCK_REALTIME, &now);
    int64_t offset = offset_us == NULL ? 0 : *offset_us;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + offset * 1000;
}

int clock_gettime(clockid_t clock, struct timespec *answer) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return ask(clock, answer);
    int64_t now = wall_clock_ns();
    answer->tv_sec = now / 1000000000;
    answer->tv_nsec = now % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict answer, void *restrict zone) {
    (void)zone; /* obsolete */
    int64_t now = wall_clock_ns();
    answer->tv_sec = now / 1000000000;
    answer->tv_usec = now % 1000000000 / 1000;
    return 0;
}

time_t time(time_t *answer) {
    time_t now = wall_clock_ns() / 1000000000;
    if (answer != NULL) *answer = now;
    return now;
}
