/* Kills the process at the call number KILL_AT of those that change a file; of a write only half is done by then.
   scripts/storm.sh compiles this and puts it between the programs and the C library with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void strike(void) { kill(getpid(), SIGKILL); }

/* Whether this is the call. */
static int is_it(void) {
    static long calls;
    const char *at = getenv("KILL_AT");
    return at && __sync_add_and_fetch(&calls, 1) == atol(at);
}

ssize_t write(int file, const void *bytes, size_t count) {
    /* The terminal's are no files of a run. */
    if (file > 2 && is_it()) {
        NEXT(write)(file, bytes, count / 2);
        strike();
    }
    return NEXT(write)(file, bytes, count);
}

int rename(const char *from, const char *to) {
    if (is_it()) strike();
    return NEXT(rename)(from, to);
}

int unlink(const char *path) {
    if (is_it()) strike();
    return NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    if (is_it()) strike();
    return NEXT(mkdir)(path, mode);
}

int ftruncate64(int file, off64_t length) {
    if (is_it()) strike();
    return NEXT(ftruncate64)(file, length);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (flags & O_CREAT && is_it()) strike();
    return NEXT(open64)(path, flags, mode);
}
