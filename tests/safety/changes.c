/* Counts the changes of the file system that a process makes below a folder, and acts at the n-th.
 *
 * Loaded before all other libraries (LD_PRELOAD), and armed by `arm` in the process that is to be disturbed. A change is
 * a call that writes, makes, renames, links, cuts or removes a file, or forces one to the disk, whoever makes it: Python
 * or a library written in C. The n-th ends the process (KILL), ends it with every byte undone that was not forced to the
 * disk (POWER), ends it in the middle of a write (TORN, the n-th write), or is refused, as is what follows: for want of
 * space (FULL, whatever takes space) or because the disk is broken (BROKEN, everything).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum mode { NONE, KILL, POWER, TORN, FULL, BROKEN };
enum need { SPACE, ORDER, REMOVAL }; /* what a change needs of the disk */

struct undo { /* bytes of a file as they were before a write that was not forced to the disk */
    int file;
    ino_t inode;
    off_t size, place;
    size_t length;
    char *bytes;
    struct undo *next;
};

static char below[PATH_MAX];
static long point, count, writes;
static enum mode mode;
static int armed;
static struct undo *undone;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

void arm(const char *folder, long n, int how) {
    strncpy(below, folder, sizeof below - 1);
    point = n, count = writes = 0, mode = how, armed = 1;
}

void disarm(void) { armed = 0; }
long changes(void) { return count; }
long changes_that_write(void) { return writes; }

static int is_below(const char *path) {
    size_t length = strlen(below);
    return strncmp(path, below, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int file_is_below(int file) {
    char name[32], path[PATH_MAX];
    struct stat found;
    if (!armed || fstat(file, &found) != 0 || !(S_ISREG(found.st_mode) || S_ISDIR(found.st_mode))) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int path_is_below(int folder, const char *path) {
    char here[PATH_MAX];
    if (!armed) return 0;
    if (path[0] == '/') return is_below(path);
    if (folder != AT_FDCWD) return file_is_below(folder);
    return getcwd(here, sizeof here) != NULL && is_below(here);
}

static void forget(ino_t inode) {
    for (struct undo **place = &undone; *place != NULL;) {
        struct undo *one = *place;
        if (one->inode != inode) {
            place = &one->next;
            continue;
        }
        *place = one->next;
        free(one->bytes);
        free(one);
    }
}

static void remember(int file, off_t place, size_t length) {
    struct stat found;
    struct undo *one = calloc(1, sizeof *one);
    if (mode != POWER || fstat(file, &found) != 0 || one == NULL) return;
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    one->file = -1;
    for (struct undo *other = undone; other != NULL; other = other->next)
        if (other->inode == found.st_ino) one->file = other->file;
    if (one->file < 0) one->file = REAL(open)(name, O_RDWR);
    one->inode = found.st_ino, one->size = found.st_size, one->place = place;
    one->bytes = malloc(length ? length : 1);
    ssize_t had = pread(one->file, one->bytes, length, place);
    one->length = had > 0 ? (size_t)had : 0;
    one->next = undone, undone = one;
}

static void lose(void) {
    for (struct undo *one = undone; one != NULL; one = one->next) {
        if (one->length && REAL(pwrite)(one->file, one->bytes, one->length, one->place) < 0) abort();
        if (REAL(ftruncate)(one->file, one->size) != 0) abort();
    }
}

/* Count a change; the error with which it is refused, or 0. The lock is held by the caller until the change is made. */
static int changed(enum need need) {
    if (mode == TORN) return 0;
    count++;
    if (mode == NONE || count < point) return 0;
    if (mode == FULL) return need == SPACE || (count == point && need == ORDER) ? ENOSPC : 0;
    if (mode == BROKEN) return EIO;
    if (mode == POWER) lose();
    _exit(137);
}

#define CHANGE(condition, need, name, ...)                       \
    do {                                                         \
        if (!(condition)) return REAL(name)(__VA_ARGS__);        \
        pthread_mutex_lock(&lock);                               \
        int refused = changed(need);                             \
        int result = refused ? -1 : REAL(name)(__VA_ARGS__);     \
        int why = refused ? refused : errno;                     \
        pthread_mutex_unlock(&lock);                             \
        errno = why;                                             \
        return result;                                           \
    } while (0)

static ssize_t written(int file, const void *bytes, size_t length, off_t place, int at) {
    pthread_mutex_lock(&lock);
    writes++;
    if (mode == TORN && writes >= point) {
        if (at) REAL(pwrite)(file, bytes, length / 2, place);
        else REAL(write)(file, bytes, length / 2);
        _exit(137);
    }
    int refused = changed(SPACE);
    if (!refused) remember(file, at ? place : lseek(file, 0, SEEK_CUR), length);
    ssize_t result = refused ? -1 : at ? REAL(pwrite)(file, bytes, length, place) : REAL(write)(file, bytes, length);
    int why = refused ? refused : errno;
    pthread_mutex_unlock(&lock);
    errno = why;
    return result;
}

ssize_t write(int file, const void *bytes, size_t length) {
    return file_is_below(file) ? written(file, bytes, length, 0, 0) : REAL(write)(file, bytes, length);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t place) {
    return file_is_below(file) ? written(file, bytes, length, place, 1) : REAL(pwrite)(file, bytes, length, place);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off_t place) { return pwrite(file, bytes, length, place); }

static int opened(int folder, const char *path, int flags, mode_t permissions) {
    CHANGE(flags & (O_CREAT | O_TRUNC) && path_is_below(folder, path), SPACE, openat, folder, path, flags, permissions);
}

#define PERMISSIONS(last)                                                                       \
    mode_t permissions = 0;                                                                     \
    if (last & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list more;                                                                           \
        va_start(more, last);                                                                   \
        permissions = va_arg(more, mode_t);                                                     \
        va_end(more);                                                                           \
    }

int open(const char *path, int flags, ...) {
    PERMISSIONS(flags)
    return opened(AT_FDCWD, path, flags, permissions);
}

int open64(const char *path, int flags, ...) {
    PERMISSIONS(flags)
    return opened(AT_FDCWD, path, flags, permissions);
}

int openat64(int folder, const char *path, int flags, ...) {
    PERMISSIONS(flags)
    return opened(folder, path, flags, permissions);
}

static int cut(int file, off_t size) {
    pthread_mutex_lock(&lock);
    int refused = changed(ORDER);
    struct stat found;
    if (!refused && fstat(file, &found) == 0 && size < found.st_size) remember(file, size, found.st_size - size);
    int result = refused ? -1 : REAL(ftruncate)(file, size);
    int why = refused ? refused : errno;
    pthread_mutex_unlock(&lock);
    errno = why;
    return result;
}

int ftruncate(int file, off_t size) { return file_is_below(file) ? cut(file, size) : REAL(ftruncate)(file, size); }
int ftruncate64(int file, off_t size) { return ftruncate(file, size); }

static int forced(int file, int (*force)(int)) {
    struct stat found;
    pthread_mutex_lock(&lock);
    int refused = changed(ORDER);
    int result = refused ? -1 : force(file);
    int why = refused ? refused : errno;
    if (result == 0 && fstat(file, &found) == 0) forget(found.st_ino);
    pthread_mutex_unlock(&lock);
    errno = why;
    return result;
}

int fsync(int file) { return file_is_below(file) ? forced(file, REAL(fsync)) : REAL(fsync)(file); }
int fdatasync(int file) { return file_is_below(file) ? forced(file, REAL(fdatasync)) : REAL(fdatasync)(file); }

int rename(const char *from, const char *to) { CHANGE(path_is_below(AT_FDCWD, to), ORDER, rename, from, to); }

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    CHANGE(path_is_below(to_folder, to), ORDER, renameat2, from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) { CHANGE(path_is_below(AT_FDCWD, to), SPACE, link, from, to); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    CHANGE(path_is_below(to_folder, to), SPACE, linkat, from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t permissions) { CHANGE(path_is_below(AT_FDCWD, path), SPACE, mkdir, path, permissions); }
int rmdir(const char *path) { CHANGE(path_is_below(AT_FDCWD, path), REMOVAL, rmdir, path); }
int unlink(const char *path) { CHANGE(path_is_below(AT_FDCWD, path), REMOVAL, unlink, path); }

int unlinkat(int folder, const char *path, int flags) {
    CHANGE(path_is_below(folder, path), REMOVAL, unlinkat, folder, path, flags);
}
