// Linux calls that Swift cannot make or cannot make safely. Nothing here calls back into Swift.
#pragma once
#include <stdint.h>
#include <sys/types.h>

// Routes SIGTERM, SIGINT and SIGHUP into a pipe, one byte a signal; returns its reading end or -errno.
// SIGPIPE is ignored from then on.
int clinux_signal_pipe(void);

// Starts a program in a session of its own with the given working directory (or NULL) and environment. Its descriptors
// are those of the array, from 0 on, and no others; all signals are at their defaults. The descriptors given must be
// above file_count. Returns the pid or -errno.
pid_t clinux_spawn(const char *path, char *const argv[], char *const envp[], const char *directory,
                   const int files_of_child[], int file_count);

// A process file descriptor, or -errno (pidfd_open(2)).
int clinux_pidfd_open(pid_t pid);

// Sends a signal through a process file descriptor; 0 or -errno (pidfd_send_signal(2)).
int clinux_pidfd_send_signal(int pidfd, int signal);

// The start time of a process in clock ticks after boot (field 22 of /proc/PID/stat), or 0 when there is none.
uint64_t clinux_start_time(pid_t pid);

// Waits for one child without blocking: its wait status in *status. Returns the pid, 0 if it still runs, or -errno.
pid_t clinux_reap(pid_t pid, int *status);

// Opens a path below a directory; one that leads out of it, by `..` or by a link, is refused with -EXDEV (openat2(2)
// with RESOLVE_BENEATH). Never blocks on a pipe. Returns a descriptor or -errno.
int clinux_open_beneath(const char *root, const char *path, int flags);

// Sets an extended attribute of a file to a text (setxattr(2)); 0 or -errno.
int clinux_set_attribute(const char *path, const char *name, const char *value);

// Reads an extended attribute of at most `size` bytes (getxattr(2)). Returns its size, or -errno.
long clinux_get_attribute(const char *path, const char *name, char *value, size_t size);

// Makes every line printed leave at once, also to a pipe.
void clinux_buffer_output_by_line(void);

// Writes a line to the standard error.
void clinux_print_error(const char *text);

// A pipe whose ends are closed by exec; 0 or -errno.
int clinux_pipe(int ends[2]);

// Whether the kernel takes its clock for synchronised (adjtimex(2)): 1 or 0, or -errno.
int clinux_clock_is_synchronised(void);

// A set of descriptors to wait for (epoll(7)), or -errno.
int clinux_epoll_create(void);

// Adds a descriptor to wait for until it can be read; 0 or -errno.
int clinux_epoll_add(int set, int descriptor);

// Waits for any descriptor of the set and stores up to `maximum` of those that are ready. Returns how many, or -errno.
int clinux_epoll_wait(int set, int ready[], int maximum);

// CRC-32C (Castagnoli) of some bytes, going on from the value of those before them (0 at first).
uint32_t clinux_crc32c(uint32_t value, const void *bytes, size_t count);
