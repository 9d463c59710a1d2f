/* A load of one request over and over: so many connections as fast as answers come, or so many requests a second.
 *
 * load PORT PATH BODY_FILE CONNECTIONS RATE WARM_S SECONDS PID[,PID...]
 *
 * RATE 0: each connection asks again as soon as it is answered. Otherwise requests are due at fixed moments, and what is
 * late counts from when it was due. Prints one JSON object. PIDs: whose CPU time and memory are told.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long long u64;
enum { HEAD, LENGTH, SIZE, CHUNK, LAST };
enum { MOST_HEAD = 16384, MOST_SAMPLES = 4000000 };

typedef struct {
    int fd, busy, state, status, closes, heard, held, mark;
    long left;
    u64 due;
    char head[MOST_HEAD], size[32];
} Connection;

static int port, poller;
static double rate;
static char *request, *pids;
static long request_length;
static u64 begins, ends; /* of what is counted, in nanoseconds */
static u64 answered, refused, broken, events;
static float *latency, *first;
static long latencies, firsts;
static Connection **idle;
static int idles;
static u64 *late; /* when requests were due that found no connection free */
static long late_from, late_to;

static u64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void dial(Connection *c) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    c->busy = 0;
}

static void ask(Connection *c, u64 due) {
    long sent = 0;
    c->busy = 1, c->state = HEAD, c->due = due;
    c->held = c->heard = c->closes = c->mark = 0;
    while (sent < request_length) {
        long n = send(c->fd, request + sent, request_length - sent, MSG_NOSIGNAL);
        if (n < 0) break; /* the answer, or its lack, will tell */
        sent += n;
    }
}

static void next(Connection *c) {
    if (now() >= ends) return;
    if (rate == 0) ask(c, now());
    else if (late_from < late_to) ask(c, late[late_from++]);
    else idle[idles++] = c;
}

static void redial(Connection *c) {
    close(c->fd);
    dial(c);
}

static void done(Connection *c, u64 at) {
    if (at >= begins && at < ends) {
        c->status == 200 ? answered++ : refused++;
        if (c->due >= begins && latencies < MOST_SAMPLES) latency[latencies++] = (at - c->due) / 1000.0f;
    }
    c->busy = 0;
    if (c->closes) redial(c);
    next(c);
}

/* Count "data:" and note the first byte of a body. */
static void body(Connection *c, const char *p, long n, u64 at) {
    static const char mark[] = "data:";
    if (n > 0 && !c->heard) {
        c->heard = 1;
        if (c->due >= begins && at < ends && firsts < MOST_SAMPLES) first[firsts++] = (at - c->due) / 1000.0f;
    }
    for (long i = 0; i < n; i++) {
        c->mark = p[i] == mark[c->mark] ? c->mark + 1 : p[i] == 'd';
        if (c->mark == 5) c->mark = 0, events += at >= begins && at < ends;
    }
}

static long head(Connection *c, const char *p, long n) {
    long room = MOST_HEAD - 1 - c->held, before = c->held, taken = n < room ? n : room;
    char *end, *said;
    memcpy(c->head + c->held, p, taken);
    c->held += taken;
    c->head[c->held] = 0;
    end = strstr(c->head, "\r\n\r\n");
    if (!end) return taken;
    *end = 0;
    c->status = atoi(c->head + 9);
    c->closes = strcasestr(c->head, "\nconnection: close") != NULL;
    said = strcasestr(c->head, "\ncontent-length:");
    c->left = said ? atol(said + 16) : 0;
    c->state = said ? LENGTH : SIZE;
    c->held = 0;
    return end + 4 - c->head - before;
}

static void feed(Connection *c, const char *p, long n, u64 at) {
    while (n > 0 && c->busy) {
        long taken = 1;
        if (c->state == HEAD) {
            taken = head(c, p, n);
            if (c->state == LENGTH && c->left == 0) done(c, at);
        } else if (c->state == LENGTH || c->state == CHUNK) {
            taken = n < c->left ? n : c->left;
            body(c, p, taken, at);
            c->left -= taken;
            if (c->left == 0 && c->state == LENGTH) done(c, at);
            else if (c->left == 0) c->state = SIZE, c->left = 0;
        } else if (*p == '\n') { /* of a chunk's size, of a chunk's end, of a trailer */
            c->size[c->held] = 0;
            if (c->state == LAST) done(c, at);
            else if (c->held && (c->left = strtol(c->size, NULL, 16)) > 0) c->state = CHUNK;
            else if (c->held) c->state = LAST;
            c->held = 0;
        } else if (*p != '\r' && c->held < (int)sizeof c->size - 1) {
            c->size[c->held++] = *p;
        }
        p += taken, n -= taken;
    }
}

static void hear(Connection *c) {
    static char buffer[262144];
    long n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n > 0) {
        feed(c, buffer, n, now());
        return;
    }
    int was_busy = c->busy; /* one that was idle stays in the list of those */
    redial(c);
    if (was_busy) broken++, next(c);
}

static u64 cpu(void) {
    u64 sum = 0;
    char *copy = strdup(pids), *rest;
    for (char *pid = strtok_r(copy, ",", &rest); pid; pid = strtok_r(NULL, ",", &rest)) {
        char path[300];
        struct dirent *entry;
        snprintf(path, sizeof path, "/proc/%s/task", pid);
        DIR *tasks = opendir(path);
        while (tasks && (entry = readdir(tasks))) {
            u64 spent = 0;
            if (entry->d_name[0] == '.') continue; /* `..` is the process itself: its first thread again */
            snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, entry->d_name);
            FILE *file = fopen(path, "r");
            if (file && fscanf(file, "%llu", &spent) == 1) sum += spent;
            if (file) fclose(file);
        }
        if (tasks) closedir(tasks);
    }
    free(copy);
    return sum;
}

static double memory(void) {
    double sum = 0;
    char *copy = strdup(pids), *rest;
    for (char *pid = strtok_r(copy, ",", &rest); pid; pid = strtok_r(NULL, ",", &rest)) {
        char path[64];
        long pages = 0;
        snprintf(path, sizeof path, "/proc/%s/statm", pid);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%*d %ld", &pages) == 1) sum += pages * (sysconf(_SC_PAGESIZE) / 1048576.0);
        if (file) fclose(file);
    }
    free(copy);
    return sum;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float at(float *sorted, long n, double share) {
    return n ? sorted[(long)(n * share) < n ? (long)(n * share) : n - 1] : 0;
}

int main(int argc, char **argv) {
    if (argc != 9) return fprintf(stderr, "load PORT PATH BODY CONNECTIONS RATE WARM_S SECONDS PIDS\n"), 2;
    int connections = atoi(argv[4]);
    port = atoi(argv[1]), rate = atof(argv[5]), pids = argv[8];
    FILE *file = fopen(argv[3], "r");
    if (!file) die(argv[3]);
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    request = malloc(length + 4096);
    request_length = sprintf(request,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        "Authorization: Bearer sk-of-an-app-0123456789\r\nUser-Agent: OpenAI/Python 2.8.1\r\nX-Stainless-Lang: python\r\n"
        "X-Stainless-Retry-Count: 0\r\nContent-Length: %ld\r\n\r\n", argv[2], port, length);
    if (fread(request + request_length, 1, length, file) != (size_t)length) die(argv[3]);
    request_length += length;
    prctl(PR_SET_TIMERSLACK, 1);
    poller = epoll_create1(0);
    latency = malloc(MOST_SAMPLES * sizeof *latency), first = malloc(MOST_SAMPLES * sizeof *first);
    u64 started = now();
    begins = started + (u64)(atof(argv[6]) * 1e9), ends = begins + (u64)(atof(argv[7]) * 1e9);
    idle = calloc(connections, sizeof *idle);
    late = malloc(sizeof *late * (size_t)(rate * (atof(argv[6]) + atof(argv[7])) + 2));
    Connection *all = calloc(connections, sizeof *all);
    for (int i = 0; i < connections; i++) dial(&all[i]), next(&all[i]);
    u64 due = started, sent = 0, spent = 0;
    int counting = 0;
    while (now() < ends) {
        struct epoll_event found[256];
        u64 moment = now(), wake = counting ? ends : begins;
        if (!counting && moment >= begins) counting = 1, spent = cpu(), wake = ends;
        while (rate > 0 && moment >= due && due < ends) {
            if (idles) ask(idle[--idles], due);
            else late[late_to++] = due;
            due = started + (u64)(++sent * 1e9 / rate);
        }
        if (rate > 0 && due < wake) wake = due;
        moment = now();
        u64 rest = wake > moment ? wake - moment : 0;
        struct timespec patience = {.tv_sec = rest / 1000000000ull, .tv_nsec = rest % 1000000000ull};
        int n = epoll_pwait2(poller, found, 256, &patience, NULL);
        for (int i = 0; i < n; i++) hear(found[i].data.ptr);
    }
    spent = cpu() - spent;
    double seconds = (now() - begins) / 1e9;
    qsort(latency, latencies, sizeof *latency, ascending);
    qsort(first, firsts, sizeof *first, ascending);
    printf("{\"answered\": %llu, \"refused\": %llu, \"broken\": %llu, \"late\": %ld, \"rps\": %.1f, \"p50_us\": %.0f, "
           "\"p99_us\": %.0f, \"first_p50_us\": %.0f, \"first_p99_us\": %.0f, \"events\": %llu, \"cpu_us\": %.2f, "
           "\"cpu_us_per_event\": %.3f, \"rss_mb\": %.1f}\n",
           answered, refused, broken, late_to - late_from, answered / seconds, at(latency, latencies, .5),
           at(latency, latencies, .99), at(first, firsts, .5), at(first, firsts, .99), events,
           answered ? spent / 1e3 / answered : 0, events ? spent / 1e3 / events : 0, memory());
    return 0;
}
