/* Disk faults and another time of day for one process, by LD_PRELOAD. The process maps a file with the faults
 * when it starts, so that a test can change them while the process runs and checking costs one load. `faults.rs` writes
 * the file; both use the layout below. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct rule {
    int32_t error;   /* errno; 0: none fails */
    int32_t skip;    /* this many pass before the first failure */
    int32_t times;   /* this many fail; negative: all */
    uint32_t one_in; /* of those, one in this many, by chance; 0 and 1: each */
    uint32_t torn;   /* a failing write has written its first half */
    uint32_t fatal;  /* after the first failure everything fails, until the test changes it */
    uint32_t served; /* how many have failed so far */
};

enum kind { SYNC, WRITE, TRUNCATE, KINDS };

struct control {
    int64_t clock_ms; /* added to the time of day */
    uint64_t random;  /* state of the random generator; 0: a fixed one */
    struct rule rules[KINDS];
    char path[128]; /* only descriptors whose path contains this text; empty: all files */
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("COUNTERSIGN_TEST_FAULTS");
    if (!name) return;
    int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) abort();
    close(fd);
    control = at;
}

static uint64_t chance(void) {
    uint64_t now = __atomic_add_fetch(&control->random, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);
    now = (now ^ (now >> 30)) * 0xbf58476d1ce4e5b9u;
    now = (now ^ (now >> 27)) * 0x94d049bb133111ebu;
    return now ^ (now >> 31);
}

static int is_meant(int fd) {
    char link[64] = "/proc/self/fd/", path[4096];
    char digits[12];
    int at = (int)sizeof digits;
    digits[--at] = 0;
    do digits[--at] = (char)('0' + fd % 10);
    while (fd /= 10);
    strcat(link, digits + at);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/') return 0;
    path[length] = 0;
    return strstr(path, control->path) != NULL;
}

/* Decrements a counter that is not used up; a negative one never is. */
static int take(int32_t *left) {
    int32_t now = __atomic_load_n(left, __ATOMIC_RELAXED);
    while (now > 0)
        if (__atomic_compare_exchange_n(left, &now, now - 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return 1;
    return now < 0;
}

/* The errno with which a call must fail, or 0. */
static int fault(enum kind kind, int fd) {
    if (!control || fd < 0) return 0;
    struct rule *rule = &control->rules[kind];
    int error = __atomic_load_n(&rule->error, __ATOMIC_ACQUIRE);
    if (!error || !is_meant(fd)) return 0;
    if (take(&rule->skip)) return 0;
    if (rule->one_in > 1 && chance() % rule->one_in) return 0;
    if (!take(&rule->times)) return 0;
    __atomic_add_fetch(&rule->served, 1, __ATOMIC_RELAXED);
    for (int other = 0; rule->fatal && other < KINDS; other++) {
        struct rule *dead = &control->rules[other];
        dead->skip = 0, dead->times = -1, dead->one_in = 1;
        __atomic_store_n(&dead->error, error, __ATOMIC_RELEASE);
    }
    return error;
}

static int failed(int error) {
    errno = error;
    return -1;
}

int fsync(int fd) {
    int error = fault(SYNC, fd);
    return error ? failed(error) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    int error = fault(SYNC, fd);
    return error ? failed(error) : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t length) {
    int error = fault(TRUNCATE, fd);
    return error ? failed(error) : (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

ssize_t write(int fd, const void *data, size_t length) {
    int error = fault(WRITE, fd);
    if (!error) return syscall(SYS_write, fd, data, length);
    if (control->rules[WRITE].torn && length > 1) syscall(SYS_write, fd, data, length / 2);
    return failed(error);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    int error = fault(WRITE, fd);
    if (!error) return syscall(SYS_pwrite64, fd, data, length, at);
    if (control->rules[WRITE].torn && length > 1) syscall(SYS_pwrite64, fd, data, length / 2, at);
    return failed(error);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return pwrite(fd, data, length, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    int error = fault(WRITE, fd);
    return error ? failed(error) : syscall(SYS_writev, fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    int error = fault(WRITE, fd);
    /* The position goes in two halves; on a 64-bit system the second one is ignored. */
    return error ? failed(error) : syscall(SYS_pwritev, fd, parts, count, at, 0L);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return pwritev(fd, parts, count, at); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result || !control || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
    int64_t offset = __atomic_load_n(&control->clock_ms, __ATOMIC_RELAXED);
    int64_t nanoseconds = now->tv_nsec + offset % 1000 * 1000000;
    now->tv_sec += offset / 1000;
    if (nanoseconds < 0) nanoseconds += 1000000000, now->tv_sec--;
    if (nanoseconds >= 1000000000) nanoseconds -= 1000000000, now->tv_sec++;
    now->tv_nsec = nanoseconds;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    if (!result) *now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
    return result;
}

time_t time(time_t *told) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
