// Load on a server of ZooKeeper's protocol, from one thread: as little of its own in the measure as possible.
//
//     load PORT write CLIENTS DEPTH SIZE OPERATIONS    setData, each client on a node of its own
//     load PORT read CLIENTS DEPTH SIZE OPERATIONS     getData
//     load PORT fill CLIENTS DEPTH SIZE OPERATIONS     create, 1,000 nodes below each parent
//     load PORT watch CLIENTS 1 SIZE ROUNDS            each round one setData, until every client has its event
//
// Prints one line: operations a second, and the 50th, 99th and 99.9th percentile of the time of one in microseconds.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { create = 1, get_data = 4, set_data = 5, notification = -1 };

struct client {
    int socket;
    int in_flight;
    char *path;
    uint64_t *sent;   // A ring of the moments at which the open requests were sent.
    int first;
    unsigned char *output;
    size_t output_size, output_done;
    unsigned char *input;
    size_t input_size;
};

static int depth, size;
static long operations, issued, finished;
static uint64_t *latencies;
static unsigned char *payload;
static size_t input_capacity = 1 << 18;
static int32_t session_timeout = 30000;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static unsigned char *number(unsigned char *place, int32_t value) {
    uint32_t wire = htonl((uint32_t)value);
    memcpy(place, &wire, 4);
    return place + 4;
}

static int32_t read_number(const unsigned char *place) {
    uint32_t wire;
    memcpy(&wire, place, 4);
    return (int32_t)ntohl(wire);
}

static unsigned char *text(unsigned char *place, const char *value) {
    size_t length = strlen(value);
    place = number(place, (int32_t)length);
    memcpy(place, value, length);
    return place + length;
}

static unsigned char *data(unsigned char *place) {
    place = number(place, size);
    memcpy(place, payload, (size_t)size);
    return place + size;
}

// A request in the client's output, at its end.
static void request(struct client *client, int operation, const char *path, int watch) {
    unsigned char *start = client->output + client->output_size, *place = start + 4;
    place = number(place, 1);
    place = number(place, operation);
    place = text(place, path);
    if (operation == set_data) place = number(data(place), -1);
    if (operation == get_data) *place++ = (unsigned char)watch;
    if (operation == create) {
        place = number(number(data(place), 1), 31);
        place = number(text(text(place, "world"), "anyone"), 0);
    }
    number(start, (int32_t)(place - start - 4));
    client->output_size = (size_t)(place - client->output);
    client->sent[(client->first + client->in_flight) % (depth + 2)] = now();
    client->in_flight++;
}

static void flush(struct client *client) {
    while (client->output_done < client->output_size) {
        ssize_t count = write(client->socket, client->output + client->output_done,
                              client->output_size - client->output_done);
        if (count < 0 && errno == EAGAIN) return;
        if (count < 0) fail("write");
        client->output_done += (size_t)count;
    }
    client->output_size = client->output_done = 0;
}

// Reads what there is; calls for every frame.
static void receive(struct client *client, void (*frame)(struct client *, const unsigned char *, int)) {
    ssize_t count = read(client->socket, client->input + client->input_size, input_capacity - client->input_size);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) fail("read");
    client->input_size += (size_t)count;
    size_t offset = 0;
    while (client->input_size - offset >= 4) {
        int32_t length = read_number(client->input + offset);
        if (client->input_size - offset < 4 + (size_t)length) break;
        frame(client, client->input + offset + 4, length);
        offset += 4 + (size_t)length;
    }
    memmove(client->input, client->input + offset, client->input_size - offset);
    client->input_size -= offset;
}

static long events;

static void answered(struct client *client, const unsigned char *frame, int length) {
    if (read_number(frame) == notification) {
        events++;
        return;
    }
    if (length < 16 || (read_number(frame + 12) != 0 && read_number(frame + 12) != -110)) {
        fprintf(stderr, "error %d\n", length < 16 ? 0 : read_number(frame + 12));
        exit(1);
    }
    uint64_t took = now() - client->sent[client->first];
    client->first = (client->first + 1) % (depth + 2);
    client->in_flight--;
    if (latencies && finished < operations) latencies[finished] = took;
    finished++;
}

static void connected(struct client *client, const unsigned char *frame, int length) {
    (void)client, (void)frame, (void)length;
    finished++;
}

static struct client open_client(int port, int index) {
    struct client client = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    // One address has too few ports for more.
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)index / 20000);
    client.socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client.socket, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    int one = 1;
    setsockopt(client.socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    client.sent = calloc((size_t)depth + 2, sizeof *client.sent);
    client.output = malloc((size_t)(depth + 2) * (size_t)(size + 200));
    client.input = malloc(input_capacity);
    client.path = malloc(32);
    snprintf(client.path, 32, "/load%06d", index);
    unsigned char greeting[49] = {0}, *place = number(greeting, 45);
    number(place + 12, session_timeout);
    number(place + 24, 16);
    if (write(client.socket, greeting, sizeof greeting) != sizeof greeting) fail("write");
    long before = finished;
    while (finished == before) receive(&client, connected);
    finished = before;
    fcntl(client.socket, F_SETFL, O_NONBLOCK);
    return client;
}

static void wait_for(struct client *client, long count) {
    long target = finished + count;
    while (finished < target) {
        flush(client);
        receive(client, answered);
    }
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void report(double seconds, long count) {
    qsort(latencies, (size_t)count, sizeof *latencies, compare);
    printf("%.0f %.0f %.0f %.0f\n", (double)count / seconds, (double)latencies[count / 2] / 1e3,
           (double)latencies[count * 99 / 100] / 1e3, (double)latencies[count * 999 / 1000] / 1e3);
}

static int set;

static void register_client(struct client *client, uint32_t mode) {
    struct epoll_event event = {.events = EPOLLIN | mode, .data.ptr = client};
    if (epoll_ctl(set, EPOLL_CTL_ADD, client->socket, &event) != 0) fail("epoll_ctl");
}

// How many clients the kernel newly has bytes for; `frame`, if any, is called for each frame of them.
static int readable(int patience, void (*frame)(struct client *, const unsigned char *, int)) {
    struct epoll_event ready[256];
    int found = epoll_wait(set, ready, 256, patience);
    for (int index = 0; frame && index < found; index++) receive(ready[index].data.ptr, frame);
    return found;
}

// The time of a round ends when each client's socket has its event. Reading them all, and being woken by each, would be
// more work than the server has with them, and take the processors from it: so this looks once a millisecond, and
// reads when the round is over.
static void watch(struct client *clients, int count, struct client *writer) {
    for (int index = 0; index < count; index++) register_client(&clients[index], EPOLLET);
    uint64_t *rounds = calloc((size_t)operations, sizeof *rounds);
    double total = 0;
    for (long round = 0; round < operations; round++) {
        for (int index = 0; index < count; index++) {
            request(&clients[index], get_data, writer->path, 1);
            flush(&clients[index]);
        }
        long before = finished;
        while (finished < before + count)
            if (readable(100000, answered) == 0) fail("no answers");
        events = 0;
        uint64_t sent = now();
        request(writer, set_data, writer->path, 0);
        flush(writer);
        for (int told = 0; told < count;) {
            if (now() - sent > 600000000000u) fail("no events");
            usleep(1000);
            for (int found; (found = readable(0, NULL)) > 0;) told += found;
        }
        rounds[round] = now() - sent;
        total += (double)rounds[round] / 1e9;
        for (int index = 0; index < count; index++) receive(&clients[index], answered);
        wait_for(writer, 1);
        if (events != count) fail("not one event for each");
    }
    qsort(rounds, (size_t)operations, sizeof *rounds, compare);
    printf("%.0f %.0f %.0f %.0f\n", (double)operations * count / total, (double)rounds[operations / 2] / 1e3,
           (double)rounds[operations * 99 / 100] / 1e3, (double)rounds[operations - 1] / 1e3);
}

static void drive(struct client *clients, int count, int operation, int is_filling) {
    char path[64];
    for (int index = 0; index < count; index++) register_client(&clients[index], 0);
    latencies = calloc((size_t)operations, sizeof *latencies);
    finished = 0;
    uint64_t start = now();
    struct epoll_event ready[256];
    int is_first = 1;
    while (finished < operations) {
        int found = is_first ? count : epoll_wait(set, ready, 256, 30000);
        if (found == 0) fail("no answers");
        for (int index = 0; index < found; index++) {
            struct client *client = is_first ? &clients[index] : ready[index].data.ptr;
            if (!is_first) receive(client, answered);
            while (client->in_flight < depth && issued < operations) {
                snprintf(path, sizeof path, "%s/n%06ld/n%06ld", client->path, issued / 1000, issued % 1000);
                if (is_filling && issued % 1000 == 0) {
                    char parent[64];
                    snprintf(parent, sizeof parent, "/load000000/n%06ld", issued / 1000);
                    strcpy(path, parent);
                }
                request(client, operation, is_filling ? path : client->path, 0);
                issued++;
            }
            flush(client);
        }
        is_first = 0;
    }
    report((double)(now() - start) / 1e9, operations);
}

int main(int count, char **values) {
    if (count != 7) {
        fprintf(stderr, "load PORT write|read|fill|watch CLIENTS DEPTH SIZE OPERATIONS\n");
        return 2;
    }
    int clients = atoi(values[3]);
    depth = atoi(values[4]);
    size = atoi(values[5]);
    operations = atol(values[6]);
    payload = malloc((size_t)size + 1);
    for (int index = 0; index < size; index++) payload[index] = (unsigned char)(index * 131);
    if (strcmp(values[2], "watch") == 0) input_capacity = (size_t)size + 4096;
    // So many are not opened within the usual time.
    if (clients > 20000) session_timeout = 3600000;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    set = epoll_create1(0);
    struct client *all = calloc((size_t)clients, sizeof *all);
    struct client writer = open_client(atoi(values[1]), 0);
    request(&writer, create, writer.path, 0);
    wait_for(&writer, 1);
    for (int index = 0; index < clients; index++) all[index] = open_client(atoi(values[1]), index);
    int is_filling = strcmp(values[2], "fill") == 0;
    if (!is_filling && strcmp(values[2], "watch") != 0) {
        for (int index = 0; index < clients; index++) {
            request(&all[index], create, all[index].path, 0);
            wait_for(&all[index], 1);
        }
    }
    finished = 0;
    if (strcmp(values[2], "watch") == 0) watch(all, clients, &writer);
    else drive(all, clients, is_filling ? create : strcmp(values[2], "read") == 0 ? get_data : set_data, is_filling);
    return 0;
}
