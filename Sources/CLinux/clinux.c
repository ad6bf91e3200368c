#define _GNU_SOURCE
#include "clinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int signal_pipe[2] = {-1, -1};

static void forward_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t written = write(signal_pipe[1], &byte, 1);
    (void)written; // A full pipe already holds the news.
    errno = saved;
}

int clinux_signal_pipe(void) {
    if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC) != 0) return -errno;
    if (fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK) != 0) return -errno;
    struct sigaction action = {.sa_handler = forward_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], &action, NULL) != 0) return -errno;
    signal(SIGPIPE, SIG_IGN);
    return signal_pipe[0];
}

pid_t clinux_spawn(const char *path, char *const argv[], char *const envp[], const char *directory,
                   const int files_of_child[], int file_count) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&files);
    if (error != 0) return -error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&files);
        return -error;
    }
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (error == 0 && directory != NULL) error = posix_spawn_file_actions_addchdir_np(&files, directory);
    for (int to = 0; to < file_count && error == 0; to++)
        error = posix_spawn_file_actions_adddup2(&files, files_of_child[to], to);
    if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&files, file_count);
    pid_t pid = -1;
    if (error == 0) error = posix_spawn(&pid, path, &files, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error == 0 ? pid : -error;
}

int clinux_pidfd_open(pid_t pid) {
    long descriptor = syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int clinux_pidfd_send_signal(int pidfd, int number) {
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

uint64_t clinux_start_time(pid_t pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0) return 0;
    text[size] = 0;
    char *rest = strrchr(text, ')'); // The name may hold spaces and brackets; the fields after it may not.
    if (rest == NULL) return 0;
    unsigned long long start = 0;
    char state = 0;
    int fields = sscanf(rest + 2, "%c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                        &state, &start);
    if (fields != 2 || state == 'Z' || state == 'X') return 0;
    return start;
}

pid_t clinux_reap(pid_t pid, int *status) {
    pid_t reaped = waitpid(pid, status, WNOHANG);
    return reaped < 0 ? -errno : reaped;
}

int clinux_open_beneath(const char *root, const char *path, int flags) {
    int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -errno;
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long file = syscall(SYS_openat2, directory, *path == 0 ? "." : path, &how, sizeof how);
    int error = errno;
    close(directory);
    return file < 0 ? -error : (int)file;
}

int clinux_set_attribute(const char *path, const char *name, const char *value) {
    return setxattr(path, name, value, strlen(value), 0) == 0 ? 0 : -errno;
}

long clinux_get_attribute(const char *path, const char *name, char *value, size_t size) {
    ssize_t count = getxattr(path, name, value, size);
    return count < 0 ? -errno : count;
}

void clinux_buffer_output_by_line(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

void clinux_print_error(const char *text) { fprintf(stderr, "%s\n", text); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0 ? 0 : -errno; }

int clinux_clock_is_synchronised(void) {
    struct timex clock = {.modes = 0};
    int state = adjtimex(&clock);
    if (state < 0) return -errno;
    return state != TIME_ERROR && !(clock.status & STA_UNSYNC);
}

int clinux_epoll_create(void) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    return set < 0 ? -errno : set;
}

int clinux_epoll_add(int set, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : -errno;
}

int clinux_epoll_wait(int set, int ready[], int maximum) {
    struct epoll_event events[64];
    int count = epoll_wait(set, events, maximum < 64 ? maximum : 64, -1);
    for (int i = 0; i < count; i++) ready[i] = events[i].data.fd;
    return count < 0 ? -errno : count;
}
