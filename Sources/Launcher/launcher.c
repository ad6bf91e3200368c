// mesos-launcher: the parent of one container. It enters what the container is made of, starts the command, stays
// until it has ended and leaves its wait status on disk, whatever becomes of the agent meanwhile.
//
//     mesos-launcher --state=DIR [options] -- program [argument...]
//
//     --state=DIR          where `launcher` (pid, start time, boot) and, at the end, `status` are written
//     --uid=N --gid=N --groups=N,N,...   who the command runs as
//     --cwd=DIR            its working directory
//     --namespaces=a,b     new ones of: mnt, pid, uts, ipc, cgroup
//     --hostname=NAME      needs a uts namespace
//     --cgroup=DIR         the cgroup v2 directory to run in; it must exist
//     --launcher-cgroup=DIR   that of the launcher itself, and of a command that has none of its own
//     --rlimit=N:SOFT:HARD a resource limit by its number (getrlimit(2)); may be repeated
//     --bind=SOURCE:TARGET:ro|rw         a bind mount, needs a mnt namespace; may be repeated
//     --no-new-privileges
//
//     mesos-launcher --keep-cgroup
//
// A service of systemd whose cgroup holds the containers: systemd removes a cgroup without processes, and one with a
// process hands no controllers on. So it goes into a cgroup below its own, `keeper`, and stays there.
//
// Descriptor 3 takes one line: `ok` when the command runs, or `error STAGE: REASON`.
// SIGTERM asks the command to end; SIGUSR1 kills the whole container. What the command leaves behind ends with it, in
// whatever session it is.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT = 3, MAXIMUM = 64 };

struct limit { int resource; struct rlimit value; };

static struct {
    const char *state, *cwd, *hostname, *cgroup, *launcher_cgroup;
    long uid, gid;
    gid_t groups[MAXIMUM];
    size_t group_count;
    int namespaces;
    struct limit limits[MAXIMUM];
    size_t limit_count;
    char *binds[MAXIMUM];
    size_t bind_count;
    bool no_new_privileges;
    char **command;
} options = {.uid = -1, .gid = -1};

// What the command's process and the launcher tell each other; closed by a successful exec.
static int error_pipe[2];
// In a pid namespace its first process hands the command's wait status to the launcher through this.
static int status_pipe[2];

static void report(const char *format, const char *stage, const char *reason) {
    char line[512];
    int size = snprintf(line, sizeof line, format, stage, reason);
    if (size > 0 && write(REPORT, line, (size_t)size) < 0) { /* The agent is gone; nobody to tell. */ }
    close(REPORT);
}

static void refuse(const char *stage, const char *reason) {
    report("error %s: %s\n", stage, reason);
    exit(1);
}

// In the command's process: says what failed and ends.
static void fail(const char *stage) {
    char line[256];
    int size = snprintf(line, sizeof line, "%s: %s", stage, strerror(errno));
    if (write(error_pipe[1], line, (size_t)size) < 0) { /* The launcher sees the end either way. */ }
    _exit(127);
}

static long number(const char *text, const char *option) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != 0) refuse(option, "not a number");
    return value;
}

static int namespace_flag(const char *name) {
    if (strcmp(name, "mnt") == 0) return CLONE_NEWNS;
    if (strcmp(name, "pid") == 0) return CLONE_NEWPID;
    if (strcmp(name, "uts") == 0) return CLONE_NEWUTS;
    if (strcmp(name, "ipc") == 0) return CLONE_NEWIPC;
    if (strcmp(name, "cgroup") == 0) return CLONE_NEWCGROUP;
    refuse("--namespaces", name);
    return 0;
}

static void parse_list(char *list, void (*item)(char *)) {
    for (char *rest = list, *part; (part = strsep(&rest, ",")) != NULL;)
        if (*part != 0) item(part);
}

static void add_namespace(char *name) { options.namespaces |= namespace_flag(name); }

static void add_group(char *text) {
    if (options.group_count == MAXIMUM) refuse("--groups", "too many");
    options.groups[options.group_count++] = (gid_t)number(text, "--groups");
}

static void add_limit(char *text) {
    if (options.limit_count == MAXIMUM) refuse("--rlimit", "too many");
    char *resource = strsep(&text, ":"), *soft = strsep(&text, ":"), *hard = text;
    if (resource == NULL || soft == NULL || hard == NULL) refuse("--rlimit", "expected N:SOFT:HARD");
    struct limit *limit = &options.limits[options.limit_count++];
    limit->resource = (int)number(resource, "--rlimit");
    limit->value.rlim_cur = strtoull(soft, NULL, 10);
    limit->value.rlim_max = strtoull(hard, NULL, 10);
}

static bool value_of(char *argument, const char *name, char **value) {
    size_t size = strlen(name);
    if (strncmp(argument, name, size) != 0 || argument[size] != '=') return false;
    *value = argument + size + 1;
    return true;
}

static void parse(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        char *value;
        if (strcmp(arguments[i], "--") == 0) {
            options.command = arguments + i + 1;
            break;
        }
        if (value_of(arguments[i], "--state", &value)) options.state = value;
        else if (value_of(arguments[i], "--cwd", &value)) options.cwd = value;
        else if (value_of(arguments[i], "--hostname", &value)) options.hostname = value;
        else if (value_of(arguments[i], "--cgroup", &value)) options.cgroup = value;
        else if (value_of(arguments[i], "--launcher-cgroup", &value)) options.launcher_cgroup = value;
        else if (value_of(arguments[i], "--uid", &value)) options.uid = number(value, "--uid");
        else if (value_of(arguments[i], "--gid", &value)) options.gid = number(value, "--gid");
        else if (value_of(arguments[i], "--groups", &value)) parse_list(value, add_group);
        else if (value_of(arguments[i], "--namespaces", &value)) parse_list(value, add_namespace);
        else if (value_of(arguments[i], "--rlimit", &value)) add_limit(value);
        else if (value_of(arguments[i], "--bind", &value)) {
            if (options.bind_count == MAXIMUM) refuse("--bind", "too many");
            options.binds[options.bind_count++] = value;
        } else if (strcmp(arguments[i], "--no-new-privileges") == 0) options.no_new_privileges = true;
        else refuse("unknown option", arguments[i]);
    }
    if (options.state == NULL) refuse("--state", "is missing");
    if (options.command == NULL || options.command[0] == NULL) refuse("command", "is missing");
}

// Replaces DIR/name so that a reader sees all of it or nothing.
static bool write_file(const char *name, const char *content) {
    char path[4096], temporary[4096];
    if (snprintf(path, sizeof path, "%s/%s", options.state, name) >= (int)sizeof path) return false;
    if (snprintf(temporary, sizeof temporary, "%s/.%s", options.state, name) >= (int)sizeof temporary) return false;
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return false;
    bool written = write(file, content, strlen(content)) == (ssize_t)strlen(content) && fsync(file) == 0;
    close(file);
    return written && rename(temporary, path) == 0;
}

// The beginning of a small file as text; empty when it cannot be read.
static void read_text(const char *path, char *text, size_t capacity) {
    *text = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    ssize_t size = read(file, text, capacity - 1);
    close(file);
    text[size > 0 ? size : 0] = 0;
}

// A process's parent and start time (proc(5)); false when it is gone.
static bool read_stat(const char *pid, int *parent, unsigned long long *start) {
    char path[64], text[1024];
    if (snprintf(path, sizeof path, "/proc/%s/stat", pid) >= (int)sizeof path) return false;
    read_text(path, text, sizeof text);
    char *rest = strrchr(text, ')'); // The name may hold spaces and brackets; the fields after it may not.
    return rest != NULL
        && sscanf(rest + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", parent,
                  start) == 2;
}

// Who this process is: pid, start time and boot, as pids and start times come again after the next boot.
static void identify(char *line, size_t capacity) {
    int parent;
    unsigned long long start = 0;
    char boot[64];
    read_stat("self", &parent, &start);
    read_text("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    boot[strcspn(boot, "\n")] = 0;
    snprintf(line, capacity, "%d %llu%s%s\n", (int)getpid(), start, *boot != 0 ? " " : "", boot);
}

static bool write_to(const char *directory, const char *name, const char *text) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool written = write(file, text, strlen(text)) > 0;
    close(file);
    return written;
}

// The flags of a mount that a remount drops unless it names them; their numbers are the same for both calls.
static unsigned long mount_flags(const char *target) {
    struct statvfs status;
    if (statvfs(target, &status) != 0) fail(target);
    return status.f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
}

// Makes a mount and all those below it read-only; before Linux 5.12 the one alone.
static void make_read_only(const char *target) {
    enum { MOUNT_SETATTR = 442, READ_ONLY = 1, RECURSIVE = 0x8000 }; // The headers of some systems lack them.
    struct { uint64_t set, clear, propagation, namespace; } attributes = {.set = READ_ONLY};
    if (syscall(MOUNT_SETATTR, AT_FDCWD, target, RECURSIVE, &attributes, sizeof attributes) == 0) return;
    if (errno != ENOSYS) fail(target);
    if (mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | mount_flags(target), NULL) != 0) fail(target);
}

static void bind_mount(char *text) {
    char *source = strsep(&text, ":"), *target = strsep(&text, ":"), *mode = text;
    if (source == NULL || target == NULL || mode == NULL) {
        errno = EINVAL;
        fail("--bind");
    }
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) != 0) fail(target);
    if (strcmp(mode, "ro") == 0) make_read_only(target);
}

// The command sees its own cgroup as the root of all. Where the hierarchy is mounted with `nsdelegate`, as systemd does,
// not even root may raise the limits of that one, and may divide it (cgroups(7), "Delegation").
static void show_own_cgroup(void) {
    enum { CGROUP2_MAGIC = 0x63677270 };
    const char *hierarchy = "/sys/fs/cgroup";
    struct statfs status;
    if (statfs(hierarchy, &status) != 0 || status.f_type != CGROUP2_MAGIC) return;
    // Linux does not mount a file system over itself.
    if (umount2(hierarchy, MNT_DETACH) != 0) fail("umount cgroup2");
    if (mount("cgroup", hierarchy, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) fail("mount cgroup2");
}

static void enter(void) {
    if (options.cgroup != NULL && !write_to(options.cgroup, "cgroup.procs", "0")) fail("cgroup.procs");
    int namespaces = options.namespaces & ~CLONE_NEWPID;
    if (namespaces != 0 && unshare(namespaces) != 0) fail("unshare");
    if (options.hostname != NULL && sethostname(options.hostname, strlen(options.hostname)) != 0) fail("sethostname");
    if (options.namespaces & CLONE_NEWNS) {
        if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) fail("mount /");
        if (options.namespaces & CLONE_NEWPID
            && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
            fail("mount /proc");
        if (options.namespaces & CLONE_NEWCGROUP) show_own_cgroup();
        for (size_t i = 0; i < options.bind_count; i++) bind_mount(options.binds[i]);
    }
    for (size_t i = 0; i < options.limit_count; i++)
        if (setrlimit(options.limits[i].resource, &options.limits[i].value) != 0) fail("setrlimit");
}

static void execute(void) {
    setsid();
    if (options.gid >= 0) {
        if (setgroups(options.group_count, options.groups) != 0) fail("setgroups");
        if (setresgid((gid_t)options.gid, (gid_t)options.gid, (gid_t)options.gid) != 0) fail("setresgid");
    }
    if (options.uid >= 0 && setresuid((uid_t)options.uid, (uid_t)options.uid, (uid_t)options.uid) != 0)
        fail("setresuid");
    if (options.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
    if (options.cwd != NULL && chdir(options.cwd) != 0) fail(options.cwd);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL); // A change of the user has cleared it.
    execvp(options.command[0], options.command);
    fail(options.command[0]);
}

static pid_t command_process;

static void forward(int signal_number) { kill(-command_process, signal_number); }

// The first process of a pid namespace: signals from outside reach it only by a handler, and it must reap.
static void serve_as_init(void) {
    command_process = fork();
    if (command_process < 0) fail("fork");
    if (command_process == 0) execute();
    close(error_pipe[1]);
    struct sigaction action = {.sa_handler = forward, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (;;) {
        int status;
        pid_t pid = wait(&status);
        if (pid == command_process) {
            if (write(status_pipe[1], &status, sizeof status) < 0) { /* The launcher then takes it as killed. */ }
            _exit(0);
        }
        if (pid < 0 && errno != EINTR) _exit(1);
    }
}

static void run_child(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(REPORT);
    close(error_pipe[0]);
    setsid();
    enter();
    if (options.namespaces & CLONE_NEWPID) serve_as_init();
    execute();
}

static void kill_all(pid_t child) {
    if (options.cgroup != NULL) write_to(options.cgroup, "cgroup.kill", "1");
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
}

// Sends SIGKILL to all children; returns how many it reached.
static int kill_children(void) {
    DIR *processes = opendir("/proc");
    if (processes == NULL) return 0;
    int count = 0, parent;
    unsigned long long start;
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && read_stat(entry->d_name, &parent, &start) && parent == (int)getpid()
            && kill((pid_t)pid, SIGKILL) == 0)
            count++;
    }
    closedir(processes);
    return count;
}

// Ends what the command left behind. All that lost their parent are children of the launcher, their subreaper: when it
// has none any more, there is nobody left.
static void end_descendants(const sigset_t *signals) {
    for (long delay = 1000000;; delay = delay < 500000000 ? delay * 2 : delay) {
        int reached = kill_children();
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) delay = 1000000;
        if (pid < 0 || reached == 0) return; // Those of another user, by a set-user-ID program, are beyond it.
        sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = delay});
    }
}

// Whether the child has ended; others that have are reaped. The child is left, so that its group stays its own.
static bool has_ended(pid_t child) {
    for (;;) {
        siginfo_t ended = {0};
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == child) return true;
        if (ended.si_pid == 0) return false;
        waitpid(ended.si_pid, NULL, 0);
    }
}

static void wait_for_end(pid_t child, const sigset_t *signals) {
    while (!has_ended(child)) {
        int number = sigwaitinfo(signals, NULL);
        if (number == SIGTERM) kill(options.namespaces & CLONE_NEWPID ? child : -child, SIGTERM);
        if (number == SIGUSR1) kill_all(child);
    }
}

// Where the processes of this unit are, below the unified hierarchy (cgroups(7)); false when there is none.
static bool own_cgroup(char *path, size_t capacity) {
    char text[4096];
    read_text("/proc/self/cgroup", text, sizeof text);
    char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (line == NULL) return false;
    line = strchr(line, '/');
    if (line == NULL) return false;
    line[strcspn(line, "\n")] = 0;
    return snprintf(path, capacity, "/sys/fs/cgroup%s/keeper", line) < (int)capacity;
}

// Returns when the process stands where it stays, which is left to a child: so systemd knows that it may go on.
static int keep_cgroup(void) {
    char path[4096];
    if (!own_cgroup(path, sizeof path)) {
        fprintf(stderr, "mesos-launcher --keep-cgroup: there is no cgroup v2 here\n");
        return 1;
    }
    if ((mkdir(path, 0755) != 0 && errno != EEXIST) || !write_to(path, "cgroup.procs", "0")) {
        fprintf(stderr, "mesos-launcher --keep-cgroup: %s: %s\n", path, strerror(errno));
        return 1;
    }
    pid_t keeper = fork();
    if (keeper < 0) return 1;
    if (keeper > 0) return 0;
    for (;;) pause();
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "--keep-cgroup") == 0) return keep_cgroup();
    signal(SIGPIPE, SIG_IGN); // An agent that dies during the launch must not take the container with it.
    parse(count, arguments);
    sigset_t signals;
    sigemptyset(&signals);
    int handled[] = {SIGTERM, SIGUSR1, SIGCHLD, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) sigaddset(&signals, handled[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (options.launcher_cgroup != NULL && !write_to(options.launcher_cgroup, "cgroup.procs", "0"))
        refuse(options.launcher_cgroup, strerror(errno));
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) refuse("become a subreaper", strerror(errno));
    char text[128];
    identify(text, sizeof text);
    if (!write_file("launcher", text)) refuse("write the state", strerror(errno));
    if (pipe2(error_pipe, O_CLOEXEC) != 0 || pipe2(status_pipe, O_CLOEXEC) != 0) refuse("pipe", strerror(errno));
    if (options.namespaces & CLONE_NEWPID && unshare(CLONE_NEWPID) != 0) refuse("unshare pid", strerror(errno));
    pid_t child = fork();
    if (child < 0) refuse("fork", strerror(errno));
    if (child == 0) run_child();
    close(error_pipe[1]);
    close(status_pipe[1]);

    char reason[256];
    ssize_t size = read(error_pipe[0], reason, sizeof reason - 1);
    if (size > 0) {
        reason[size] = 0;
        kill_all(child);
        waitpid(child, NULL, 0);
        refuse("start", reason);
    }
    close(error_pipe[0]);
    report("ok%s%s\n", "", "");

    wait_for_end(child, &signals);
    kill_all(child);
    int status = SIGKILL;
    waitpid(child, &status, 0);
    end_descendants(&signals);
    if (options.namespaces & CLONE_NEWPID && read(status_pipe[0], &status, sizeof status) != sizeof status)
        status = SIGKILL;
    snprintf(text, sizeof text, "%d\n", status);
    return write_file("status", text) ? 0 : 1;
}
