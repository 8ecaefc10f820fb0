/* Preloaded into every process of one command: counts the calls that change files, over all threads and processes,
 * and makes the N-th of them the moment of a crash, a signal or an error. What the variables mean stands in injector.py.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PIDS = 1000, PREFIXES = 8, LONGEST = 2 * PATH_MAX };

/* Shared by all processes of the command; injector.py reads it as little-endian numbers. */
struct state {
    uint64_t count;    /* calls so far */
    uint64_t marked;   /* the count when the marked text was written */
    uint64_t fired;    /* how often something was injected */
    uint32_t leader;   /* the first process: the one that is killed or gets the signal */
    uint32_t started;  /* how many of `pids` are used */
    uint32_t pids[PIDS];
};

enum action { NOTHING, KILL, LOSE, TEAR, SIGNAL, FAIL, WATCH };

enum family {
    OPEN = 1, READ = 2, MKDIR = 4, UNLINK = 8, LINK = 16, SYMLINK = 32, RENAME = 64, WRITE = 128, COPY = 256,
    TRUNCATE = 512, CHMOD = 1024, UTIME = 2048, SYNC = 4096,
};

static const struct { const char *name; unsigned bit; } FAMILIES[] = {
    {"open", OPEN}, {"read", READ}, {"mkdir", MKDIR}, {"unlink", UNLINK}, {"link", LINK}, {"symlink", SYMLINK},
    {"rename", RENAME}, {"write", WRITE}, {"copy", COPY}, {"truncate", TRUNCATE}, {"chmod", CHMOD}, {"utime", UTIME},
    {"sync", SYNC},
};

static struct state *state;
static char prefixes[PREFIXES][PATH_MAX];
static size_t prefix_count;
static unsigned families;
static enum action action;
static uint64_t at, second; /* `second`: the distance to a second signal, or not 0 for an error from there on */
static int number;          /* of the signal or the error */
static const char *mark, *trace;
static int ask, go;         /* where a watched run says that it is at a point, and is told to go on */

/* A descriptor of the pipe `path` with `end` added, out of the way of those that the command opens. */
static int pipe_of(const char *path, const char *end) {
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s%s", path, end);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC);
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 500);
    syscall(SYS_close, fd);
    return moved;
}

/* What the variables say counts from now on: at the start of a process, or in a fork of one without them. */
__attribute__((constructor)) void inject_begin(void) {
    const char *path = getenv("INJECT_STATE");
    if (!path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    struct state *found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (found == MAP_FAILED) return;
    const char *text = getenv("INJECT_BELOW");
    char *copy = strdup(text ? text : ""), *rest = NULL;
    for (char *word = strtok_r(copy, ":", &rest); word && prefix_count < PREFIXES; word = strtok_r(NULL, ":", &rest))
        snprintf(prefixes[prefix_count++], PATH_MAX, "%s", word);
    free(copy);
    text = getenv("INJECT_CALLS");
    copy = strdup(text ? text : "");
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
        for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++)
            if (!strcmp(word, FAMILIES[i].name)) families |= FAMILIES[i].bit;
    free(copy);
    at = (text = getenv("INJECT_AT")) ? strtoull(text, NULL, 10) : 0;
    second = (text = getenv("INJECT_SECOND")) ? strtoull(text, NULL, 10) : 0;
    number = (text = getenv("INJECT_NUMBER")) ? atoi(text) : 0;
    text = getenv("INJECT_ACTION");
    action = !text ? NOTHING : !strcmp(text, "kill") ? KILL : !strcmp(text, "lose") ? LOSE : !strcmp(text, "tear") ? TEAR
           : !strcmp(text, "signal") ? SIGNAL : !strcmp(text, "fail") ? FAIL : !strcmp(text, "watch") ? WATCH : NOTHING;
    if (action == WATCH) {
        ask = pipe_of(path, ".ask");
        go = pipe_of(path, ".go");
    }
    mark = getenv("INJECT_MARK");
    trace = getenv("INJECT_TRACE");
    uint32_t nobody = 0, me = (uint32_t)getpid();
    __atomic_compare_exchange_n(&found->leader, &nobody, me, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    uint32_t place = __atomic_fetch_add(&found->started, 1, __ATOMIC_SEQ_CST);
    if (place < PIDS) found->pids[place] = me;
    state = found;
}

static int below(const char *path) {
    for (size_t i = 0; i < prefix_count; i++) {
        size_t length = strlen(prefixes[i]);
        if (!strncmp(path, prefixes[i], length) && (path[length] == '/' || !path[length])) return 1;
    }
    return 0;
}

static void path_of(int fd, char *found) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, found, PATH_MAX - 1);
    found[length > 0 ? length : 0] = 0;
}

/* `path` relative to a directory descriptor as an absolute one; links are not resolved. */
static void absolute(int directory, const char *path, char *found) {
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        if (directory != AT_FDCWD) path_of(directory, base);
        else if (syscall(SYS_getcwd, base, sizeof base) < 0) base[0] = 0;
    }
    snprintf(found, LONGEST, path[0] == '/' ? "%s%s" : "%s/%s", base, path);
}

static void die(void) {
    kill((pid_t)state->leader, SIGKILL);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void note(uint64_t n, const char *call, const char *path, const char *target) {
    char line[2 * LONGEST + 200];
    int length = snprintf(line, sizeof line, "%llu\t%d\t%s\t%s\t%s\n", (unsigned long long)n, (int)getpid(), call, path,
                          target);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, (size_t)length);
    syscall(SYS_close, fd);
}

static __thread int tells_more; /* whether the call adds to a journal that has lines: how many it has is left to chance */

/* One more call. Returns the error to fail with, 0 to go on, or -1 to do half and die. */
static int counted(const char *call, const char *path, const char *target) {
    if (action == LOSE && (uint32_t)getpid() == state->leader) return 0; /* only the calls of others are points */
    uint64_t n = __atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST);
    if (trace) note(n, call, path, target);
    if (action == WATCH && !tells_more && !state->marked) {
        char byte = 0;
        syscall(SYS_write, ask, &n, sizeof n);
        while (syscall(SYS_read, go, &byte, 1) < 0 && errno == EINTR) {}
        if (byte != 'k') return 0;
        __atomic_add_fetch(&state->fired, 1, __ATOMIC_SEQ_CST);
        die();
    }
    if (!at || n < at) return 0;
    int once = n == at;
    if (action == KILL && once) {
        __atomic_add_fetch(&state->fired, 1, __ATOMIC_SEQ_CST);
        die();
    } else if (action == LOSE && once) {
        __atomic_add_fetch(&state->fired, 1, __ATOMIC_SEQ_CST);
        kill(getpid(), SIGKILL);
        for (;;) pause();
    } else if (action == TEAR && once) {
        __atomic_add_fetch(&state->fired, 1, __ATOMIC_SEQ_CST);
        return -1;
    } else if (action == SIGNAL && (once || (second && n == at + second))) {
        __atomic_add_fetch(&state->fired, 1, __ATOMIC_SEQ_CST);
        kill((pid_t)state->leader, number);
    } else if (action == FAIL && (once || second)) {
        __atomic_add_fetch(&state->fired, 1, __ATOMIC_SEQ_CST);
        return number;
    }
    return 0;
}

static int named2(unsigned family, const char *call, int dir1, const char *one, int dir2, const char *two) {
    if (!state || !(families & family)) return 0;
    char first[LONGEST], last[LONGEST] = "";
    absolute(dir1, one, first);
    if (two) absolute(dir2, two, last);
    if (!below(first) && !(two && below(last))) return 0;
    int result = counted(call, first, last);
    if (result < 0) die();
    return result;
}

static int named(unsigned family, const char *call, int directory, const char *path) {
    return path ? named2(family, call, directory, path, AT_FDCWD, NULL) : 0;
}

static int described(unsigned family, const char *call, int fd) {
    if (!state || !(families & family)) return 0;
    char path[PATH_MAX];
    path_of(fd, path);
    if (!below(path)) return 0;
    struct stat status;
    size_t length = strlen(path);
    tells_more = family == WRITE && length > 6 && !strcmp(path + length - 6, ".jsonl") && !fstat(fd, &status) && status.st_size;
    int result = counted(call, path, "");
    tells_more = 0;
    return result;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL_IF(expression, value) \
    do { int failure = (expression); if (failure > 0) { errno = failure; return (value); } if (failure < 0) die(); } while (0)

static unsigned opening(int flags) {
    return (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY || (flags & O_TMPFILE) == O_TMPFILE ? OPEN : READ;
}

#define MODE(mode) \
    mode_t mode = 0; \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { va_list l; va_start(l, flags); mode = va_arg(l, mode_t); va_end(l); }

#define OPENS(name) \
    int name(const char *path, int flags, ...) { MODE(mode) REAL(name); \
        FAIL_IF(named(opening(flags), #name, AT_FDCWD, path), -1); return real(path, flags, mode); }
#define OPENATS(name) \
    int name(int directory, const char *path, int flags, ...) { MODE(mode) REAL(name); \
        FAIL_IF(named(opening(flags), #name, directory, path), -1); return real(directory, path, flags, mode); }
OPENS(open) OPENS(open64) OPENATS(openat) OPENATS(openat64)

int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static unsigned streaming(const char *mode) { return strpbrk(mode, "wa+x") ? OPEN : READ; }
FILE *fopen(const char *path, const char *mode) {
    REAL(fopen); FAIL_IF(named(streaming(mode), "fopen", AT_FDCWD, path), NULL); return real(path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
    REAL(fopen64); FAIL_IF(named(streaming(mode), "fopen64", AT_FDCWD, path), NULL); return real(path, mode);
}
DIR *opendir(const char *path) {
    REAL(opendir); FAIL_IF(named(READ, "opendir", AT_FDCWD, path), NULL); return real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir); FAIL_IF(named(MKDIR, "mkdir", AT_FDCWD, path), -1); return real(path, mode);
}
int mkdirat(int directory, const char *path, mode_t mode) {
    REAL(mkdirat); FAIL_IF(named(MKDIR, "mkdirat", directory, path), -1); return real(directory, path, mode);
}
int rmdir(const char *path) { REAL(rmdir); FAIL_IF(named(UNLINK, "rmdir", AT_FDCWD, path), -1); return real(path); }
int unlink(const char *path) { REAL(unlink); FAIL_IF(named(UNLINK, "unlink", AT_FDCWD, path), -1); return real(path); }
int remove(const char *path) { REAL(remove); FAIL_IF(named(UNLINK, "remove", AT_FDCWD, path), -1); return real(path); }
int unlinkat(int directory, const char *path, int flags) {
    REAL(unlinkat);
    FAIL_IF(named(UNLINK, flags & AT_REMOVEDIR ? "rmdir" : "unlinkat", directory, path), -1);
    return real(directory, path, flags);
}

int link(const char *from, const char *to) {
    REAL(link); FAIL_IF(named2(LINK, "link", AT_FDCWD, from, AT_FDCWD, to), -1); return real(from, to);
}
int linkat(int dir1, const char *from, int dir2, const char *to, int flags) {
    REAL(linkat); FAIL_IF(named2(LINK, "linkat", dir1, from, dir2, to), -1); return real(dir1, from, dir2, to, flags);
}
int symlink(const char *text, const char *path) {
    REAL(symlink); FAIL_IF(named(SYMLINK, "symlink", AT_FDCWD, path), -1); return real(text, path);
}
int symlinkat(const char *text, int directory, const char *path) {
    REAL(symlinkat); FAIL_IF(named(SYMLINK, "symlinkat", directory, path), -1); return real(text, directory, path);
}
int mknod(const char *path, mode_t mode, dev_t device) {
    REAL(mknod); FAIL_IF(named(OPEN, "mknod", AT_FDCWD, path), -1); return real(path, mode, device);
}
int mkfifo(const char *path, mode_t mode) {
    REAL(mkfifo); FAIL_IF(named(OPEN, "mkfifo", AT_FDCWD, path), -1); return real(path, mode);
}

int rename(const char *from, const char *to) {
    REAL(rename); FAIL_IF(named2(RENAME, "rename", AT_FDCWD, from, AT_FDCWD, to), -1); return real(from, to);
}
int renameat(int dir1, const char *from, int dir2, const char *to) {
    REAL(renameat); FAIL_IF(named2(RENAME, "renameat", dir1, from, dir2, to), -1); return real(dir1, from, dir2, to);
}
int renameat2(int dir1, const char *from, int dir2, const char *to, unsigned flags) {
    REAL(renameat2);
    FAIL_IF(named2(RENAME, "renameat2", dir1, from, dir2, to), -1);
    return real(dir1, from, dir2, to, flags);
}

static void look(const void *data, size_t size) {
    if (state && mark && *mark && memmem(data, size, mark, strlen(mark)))
        __atomic_store_n(&state->marked, state->count, __ATOMIC_SEQ_CST);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    int failure = described(WRITE, "write", fd);
    if (failure > 0) { errno = failure; return -1; }
    if (failure < 0) { real(fd, data, size / 2); die(); }
    look(data, size);
    return real(fd, data, size);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    REAL(pwrite64);
    int failure = described(WRITE, "pwrite", fd);
    if (failure > 0) { errno = failure; return -1; }
    if (failure < 0) { real(fd, data, size / 2, offset); die(); }
    return real(fd, data, size, offset);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    FAIL_IF(described(WRITE, "writev", fd), -1);
    for (int i = 0; i < count; i++) look(parts[i].iov_base, parts[i].iov_len);
    return real(fd, parts, count);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    REAL(pwritev64v2); FAIL_IF(described(WRITE, "pwritev", fd), -1); return real(fd, parts, count, offset, flags);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    REAL(sendfile64); FAIL_IF(described(COPY, "sendfile", to), -1); return real(to, from, offset, size);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    REAL(sendfile); FAIL_IF(described(COPY, "sendfile", to), -1); return real(to, from, offset, size);
}
ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *offset, size_t size, unsigned flags) {
    REAL(copy_file_range);
    FAIL_IF(described(COPY, "copy_file_range", to), -1);
    return real(from, start, to, offset, size, flags);
}
int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    REAL(ioctl);
    if (request == 0x40049409UL || request == 0x4020940dUL) /* FICLONE, FICLONERANGE */
        FAIL_IF(described(COPY, "ficlone", fd), -1);
    return real(fd, request, argument);
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64); FAIL_IF(described(TRUNCATE, "ftruncate", fd), -1); return real(fd, size);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int truncate64(const char *path, off64_t size) {
    REAL(truncate64); FAIL_IF(named(TRUNCATE, "truncate", AT_FDCWD, path), -1); return real(path, size);
}
int truncate(const char *path, off_t size) { return truncate64(path, size); }
int posix_fallocate64(int fd, off64_t offset, off64_t size) {
    REAL(posix_fallocate64);
    int failure = described(TRUNCATE, "fallocate", fd);
    if (failure < 0) die();
    return failure ? failure : real(fd, offset, size);
}

int chmod(const char *path, mode_t mode) {
    REAL(chmod); FAIL_IF(named(CHMOD, "chmod", AT_FDCWD, path), -1); return real(path, mode);
}
int fchmod(int fd, mode_t mode) { REAL(fchmod); FAIL_IF(described(CHMOD, "fchmod", fd), -1); return real(fd, mode); }
int fchmodat(int directory, const char *path, mode_t mode, int flags) {
    REAL(fchmodat); FAIL_IF(named(CHMOD, "fchmodat", directory, path), -1); return real(directory, path, mode, flags);
}
int utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
    REAL(utimensat);
    const char *volatile given = path; /* NULL for a descriptor, though the header denies it */
    FAIL_IF(given ? named(UTIME, "utimensat", directory, path) : described(UTIME, "utimensat", directory), -1);
    return real(directory, path, times, flags);
}
int futimens(int fd, const struct timespec times[2]) {
    REAL(futimens); FAIL_IF(described(UTIME, "futimens", fd), -1); return real(fd, times);
}

int fsync(int fd) { REAL(fsync); FAIL_IF(described(SYNC, "fsync", fd), -1); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAIL_IF(described(SYNC, "fdatasync", fd), -1); return real(fd); }
int syncfs(int fd) { REAL(syncfs); FAIL_IF(described(SYNC, "syncfs", fd), -1); return real(fd); }
