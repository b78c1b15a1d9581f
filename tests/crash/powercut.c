/* A disk that keeps only what was synced. LD_PRELOAD this, see powercut.py.
 *
 * Files under POWERCUT_DIRECTORY behave as always while the process lives: that is the page cache. POWERCUT_DISK holds what a power
 * cut would leave: `inodes/` the durable bytes of each file, `tree/` the durable names, as hard links to them.
 *
 *   - Bytes of a file reach the disk with fsync or fdatasync on it, or at once where it is open with O_SYNC or O_DSYNC. Only the ranges
 *     written since are copied; the whole file after a truncation, a shared writable mapping, or fopen (whose writes are not seen here).
 *   - Names made, renamed or removed reach the disk with fsync or fdatasync on their directory, and not before. That loses the most that
 *     POSIX allows: a synced file with a name that is not durable is gone, a removed one comes back.
 *   - sync_file_range, sync and syncfs count for nothing (the first promises nothing by its manual; the others only lose more here).
 *   - With POWERCUT_WRITEBACK=n, n of 100 writes reach the disk unasked, as a kernel's write-back would have it, in no order.
 *
 * Everything there when the first process starts is durable. One process writes at a time; directories are not renamed; files are not
 * moved in from outside. Real syncs are left out, for nobody cuts the real power. All calls into the kernel are raw, so that none of
 * them comes back here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RANGES 256
#define BUCKETS 1024
#define PATH 4608

struct range { off_t from, to; };

struct inode { /* one file, by its number and time of birth, for numbers are used again */
    unsigned long number;
    long born_s, born_ns;
    bool whole, unseen; /* copy all at the next sync; at every sync, for its writes pass us by */
    int count;
    struct range dirty[RANGES];
    struct inode *next;
};

static char root[PATH], disk[PATH];
static size_t root_length;
static unsigned writeback, chance = 1;
static struct inode *table[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what) {
    dprintf(2, "powercut: %s: %s\n", what, strerror(errno));
    _exit(70);
}

static bool inside(const char *path) {
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static bool fd_path(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0;
}

static void inode_path(char *path, const struct inode *inode) {
    snprintf(path, PATH, "%.4000s/inodes/%lu.%ld.%09ld", disk, inode->number, inode->born_s, inode->born_ns);
}

static struct inode key_of(const struct statx *stat) {
    bool born = stat->stx_mask & STATX_BTIME;
    return (struct inode){.number = stat->stx_ino, .born_s = born ? stat->stx_btime.tv_sec : 0, .born_ns = born ? stat->stx_btime.tv_nsec : 0};
}

static bool status(int at, const char *path, struct statx *stat) {
    return !syscall(SYS_statx, at, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, stat);
}

/* The inode behind a descriptor, NULL where it is no regular file of ours. Called with the lock held. */
static struct inode *known(int fd, const struct statx *stat) {
    struct inode key = key_of(stat), *found = table[key.number % BUCKETS];
    while (found && (found->number != key.number || found->born_s != key.born_s || found->born_ns != key.born_ns)) found = found->next;
    char path[PATH];
    if (found || !fd_path(fd, path) || !inside(path)) return found;
    found = malloc(sizeof *found);
    if (!found) die("malloc");
    *found = key;
    found->next = table[key.number % BUCKETS];
    return table[key.number % BUCKETS] = found;
}

static void copy_range(int from, int to, off_t start, off_t end) {
    static char buffer[1 << 18];
    while (start < end) {
        size_t want = end - start < (off_t)sizeof buffer ? (size_t)(end - start) : sizeof buffer;
        ssize_t got = syscall(SYS_pread64, from, buffer, want, start);
        if (got < 0) die("read");
        if (!got) return; /* cut off meanwhile */
        if (syscall(SYS_pwrite64, to, buffer, got, start) != got) die("write to the disk");
        start += got;
    }
}

static int on_disk(const struct inode *inode, int mode) {
    char path[PATH];
    inode_path(path, inode);
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) die(path);
    syscall(SYS_fchmod, fd, mode & 07777);
    return fd;
}

static int again(int fd) { /* for reading: the descriptor itself may be for writing only */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int copy = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    if (copy < 0) die("open again");
    return copy;
}

static void sync_file(int fd, struct inode *inode) {
    struct statx stat;
    if (!status(fd, "", &stat)) die("statx"); /* with the lock held: no range in the list lies beyond that size */
    int from = again(fd), to = on_disk(inode, stat.stx_mode);
    if (inode->whole || inode->unseen) copy_range(from, to, 0, stat.stx_size);
    else
        for (int i = 0; i < inode->count; i++) copy_range(from, to, inode->dirty[i].from, inode->dirty[i].to);
    if (syscall(SYS_ftruncate, to, stat.stx_size)) die("ftruncate");
    inode->whole = false;
    inode->count = 0;
    syscall(SYS_close, from);
    syscall(SYS_close, to);
}

static void remove_tree(const char *path) {
    DIR *directory = opendir(path);
    char inner[PATH];
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            snprintf(inner, sizeof inner, "%.4300s/%s", path, entry->d_name);
            remove_tree(inner);
        }
    if (directory) closedir(directory);
    if (syscall(SYS_unlinkat, AT_FDCWD, path, 0) && syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)) die(path);
}

/* Give the durable name `to` to the file `from`. */
static void settle_name(const char *from, const char *to) {
    struct statx stat, ours, theirs;
    char inode[PATH], fresh[PATH];
    if (!status(AT_FDCWD, from, &stat)) return; /* removed meanwhile */
    if (S_ISDIR(stat.stx_mode)) {
        if (status(AT_FDCWD, to, &theirs) && !S_ISDIR(theirs.stx_mode)) remove_tree(to);
        syscall(SYS_mkdirat, AT_FDCWD, to, stat.stx_mode & 07777);
        return;
    }
    if (!S_ISREG(stat.stx_mode)) return;
    struct inode key = key_of(&stat);
    syscall(SYS_close, on_disk(&key, stat.stx_mode)); /* never synced: the name will be there, the bytes will not */
    inode_path(inode, &key);
    if (status(AT_FDCWD, to, &theirs)) {
        if (status(AT_FDCWD, inode, &ours) && ours.stx_ino == theirs.stx_ino) return;
        if (S_ISDIR(theirs.stx_mode)) remove_tree(to);
    }
    snprintf(fresh, sizeof fresh, "%.4000s/fresh", disk);
    syscall(SYS_unlinkat, AT_FDCWD, fresh, 0);
    if (syscall(SYS_linkat, AT_FDCWD, inode, AT_FDCWD, fresh, 0)) die("link");
    if (syscall(SYS_renameat2, AT_FDCWD, fresh, AT_FDCWD, to, 0)) die(to);
}

static void make_path(char *path) {
    for (char *slash = path + strlen(disk) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        syscall(SYS_mkdirat, AT_FDCWD, path, 0700);
    }
    syscall(SYS_mkdirat, AT_FDCWD, path, 0700);
}

static void sync_directory(const char *path) {
    char durable[PATH], from[PATH], to[PATH];
    struct dirent *entry;
    struct statx stat;
    snprintf(durable, sizeof durable, "%.2000s/tree%.2000s", disk, path + root_length);
    make_path(durable);
    DIR *directory = opendir(path);
    if (!directory) return;
    while ((entry = readdir(directory))) {
        snprintf(from, sizeof from, "%.4000s/%s", path, entry->d_name);
        snprintf(to, sizeof to, "%.4000s/%s", durable, entry->d_name);
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) settle_name(from, to);
    }
    closedir(directory);
    directory = opendir(durable);
    while (directory && (entry = readdir(directory))) {
        snprintf(from, sizeof from, "%.4000s/%s", path, entry->d_name);
        snprintf(to, sizeof to, "%.4000s/%s", durable, entry->d_name);
        if (!status(AT_FDCWD, from, &stat)) remove_tree(to);
    }
    if (directory) closedir(directory);
}

static void settle_all(const char *path) { /* the state at the start */
    char inner[PATH];
    struct statx stat;
    sync_directory(path);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(inner, sizeof inner, "%.4300s/%s", path, entry->d_name);
        if (!status(AT_FDCWD, inner, &stat)) continue;
        if (S_ISDIR(stat.stx_mode)) settle_all(inner);
        if (!S_ISREG(stat.stx_mode)) continue;
        int fd = syscall(SYS_openat, AT_FDCWD, inner, O_RDONLY | O_CLOEXEC, 0);
        struct inode key = key_of(&stat);
        key.whole = true;
        if (fd < 0) die(inner);
        sync_file(fd, &key);
        syscall(SYS_close, fd);
    }
    if (directory) closedir(directory);
}

__attribute__((constructor)) static void start(void) {
    const char *directory = getenv("POWERCUT_DIRECTORY"), *shadow = getenv("POWERCUT_DISK"), *part = getenv("POWERCUT_WRITEBACK");
    if (!directory || !shadow) return;
    snprintf(disk, sizeof disk, "%s", shadow);
    char tree[PATH], inodes[PATH];
    snprintf(tree, sizeof tree, "%.4000s/tree", disk);
    snprintf(inodes, sizeof inodes, "%.4000s/inodes", disk);
    bool first = !syscall(SYS_mkdirat, AT_FDCWD, inodes, 0700);
    snprintf(root, sizeof root, "%s", directory);
    root_length = strlen(root);
    if (first) settle_all(root);
    writeback = part ? atoi(part) : 0;
    chance = getpid();
}

/* A call wrote `length` bytes at `from` (negative: up to where the descriptor now stands), or changed who knows what (length 0). */
static void wrote(int fd, off_t from, off_t length) {
    int error = errno;
    struct statx stat;
    if (!root_length || !status(fd, "", &stat) || !S_ISREG(stat.stx_mode)) goto done;
    if (from < 0) from = syscall(SYS_lseek, fd, 0, SEEK_CUR) - length;
    pthread_mutex_lock(&lock);
    struct inode *inode = known(fd, &stat);
    if (inode) {
        struct range *last = inode->count ? &inode->dirty[inode->count - 1] : NULL;
        if (!length || inode->count == RANGES) inode->whole = true;
        else if (last && from >= last->from && from <= last->to) last->to = from + length > last->to ? from + length : last->to;
        else inode->dirty[inode->count++] = (struct range){from, from + length};
        if (syscall(SYS_fcntl, fd, F_GETFL) & O_DSYNC) sync_file(fd, inode); /* O_SYNC holds that bit too */
        else if (length && writeback && (unsigned)rand_r(&chance) % 100 < writeback) {
            int source = again(fd), target = on_disk(inode, stat.stx_mode);
            copy_range(source, target, from, from + length);
            syscall(SYS_close, source);
            syscall(SYS_close, target);
        }
    }
    pthread_mutex_unlock(&lock);
done:
    errno = error;
}

static void unseen(int fd) {
    struct statx stat;
    if (!root_length || !status(fd, "", &stat) || !S_ISREG(stat.stx_mode)) return;
    pthread_mutex_lock(&lock);
    struct inode *inode = known(fd, &stat);
    if (inode) inode->unseen = true;
    pthread_mutex_unlock(&lock);
}

static int synced(int fd) {
    struct statx stat;
    char path[PATH];
    if (!root_length) return syscall(SYS_fsync, fd);
    if (!status(fd, "", &stat)) return -1;
    pthread_mutex_lock(&lock);
    struct inode *inode = S_ISREG(stat.stx_mode) ? known(fd, &stat) : NULL;
    bool directory = S_ISDIR(stat.stx_mode) && fd_path(fd, path) && inside(path);
    if (inode) sync_file(fd, inode);
    if (directory) sync_directory(path);
    pthread_mutex_unlock(&lock);
    return inode || directory ? 0 : syscall(SYS_fsync, fd);
}

/* What the process calls. Each pair of names is one function on 64-bit systems. */

int fsync(int fd) { return synced(fd); }
int fdatasync(int fd) { return synced(fd); }

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t done = syscall(SYS_write, fd, data, size);
    if (done > 0) wrote(fd, -1, done);
    return done;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t done = syscall(SYS_writev, fd, parts, count);
    if (done > 0) wrote(fd, -1, done);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    ssize_t done = syscall(SYS_pwrite64, fd, data, size, offset);
    if (done > 0) wrote(fd, offset, done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    ssize_t done = syscall(SYS_pwritev, fd, parts, count, offset, 0);
    if (done > 0) wrote(fd, offset, done);
    return done;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

int ftruncate64(int fd, off64_t length) {
    int result = syscall(SYS_ftruncate, fd, length);
    if (!result) wrote(fd, 0, 0);
    return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    int result = syscall(SYS_fallocate, fd, mode, offset, length);
    if (!result) wrote(fd, 0, 0);
    return result;
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return fallocate64(fd, 0, offset, length) ? errno : 0; }
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    ssize_t done = syscall(SYS_sendfile, to, from, offset, size);
    if (done > 0) wrote(to, 0, 0);
    return done;
}
ssize_t sendfile(int to, int from, off_t *offset, size_t size) { return sendfile64(to, from, offset, size); }
ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *target, size_t size, unsigned flags) {
    ssize_t done = syscall(SYS_copy_file_range, from, start, to, target, size, flags);
    if (done > 0) wrote(to, 0, 0);
    return done;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    int fd = syscall(SYS_openat, at, path, flags, mode);
    if (fd >= 0 && flags & O_TRUNC) wrote(fd, 0, 0);
    return fd;
}
#define MODE(last) va_list rest; va_start(rest, last); mode_t mode = va_arg(rest, mode_t); va_end(rest)
int open64(const char *path, int flags, ...) { MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int open(const char *path, int flags, ...) { MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags); return opened(at, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags); return opened(at, path, flags, mode); }
int creat64(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat(const char *path, mode_t mode) { return creat64(path, mode); }

int truncate64(const char *path, off64_t length) {
    int fd = opened(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0), result = fd < 0 ? -1 : ftruncate64(fd, length);
    if (fd >= 0) syscall(SYS_close, fd);
    return result;
}
int truncate(const char *path, off_t length) { return truncate64(path, length); }

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    void *mapped = (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    if (mapped != MAP_FAILED && fd >= 0 && flags & MAP_SHARED && protection & PROT_WRITE) unseen(fd);
    return mapped;
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap64(address, length, protection, flags, fd, offset);
}
int msync(void *address, size_t length, int flags) { /* not modelled: better no answer than a wrong one */
    if (root_length && flags & MS_SYNC) { errno = ENOSYS; die("msync"); }
    return syscall(SYS_msync, address, length, flags);
}

static FILE *stream(const char *name, const char *path, const char *mode) {
    FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, name);
    FILE *file = real(path, mode);
    if (file && strpbrk(mode, "wa+")) unseen(fileno(file));
    return file;
}
FILE *fopen64(const char *path, const char *mode) { return stream("fopen64", path, mode); }
FILE *fopen(const char *path, const char *mode) { return stream("fopen", path, mode); }
