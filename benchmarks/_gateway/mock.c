/* An upstream that answers every request with the same completion, whole or as a stream, after a delay.
 *
 * mock PORT DELAY_MS EVENTS GAP_MS
 *
 * A stream ("stream":true in the body) has so many events and an end, each GAP_MS after the one before. Single-threaded.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
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
enum { MOST_CONNECTIONS = 4096, MOST_BODY = 4 << 20 };

typedef struct {
    int open, busy, left; /* left: events still to say; -1: a whole answer */
    u64 due;
    long length, room;
    char *bytes;
} Connection;

static Connection all[MOST_CONNECTIONS];
static int events, highest;
static u64 delay, gap;
static char whole[4096], event[1024], end[1024];
static int whole_length, event_length, end_length;
static const char stream_head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id: req_1\r\nTransfer-Encoding: chunked\r\n\r\n";

static u64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int chunk(char *to, const char *text) {
    return sprintf(to, "%zx\r\n%s\r\n", strlen(text), text);
}

static void make(void) {
    char body[2048], text[900];
    int n = sprintf(body, "{\"id\":\"chatcmpl-B1a2C3d4E5\",\"object\":\"chat.completion\",\"created\":1763800000,\"model\":\"gpt-4o-mini-2024-07-18\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
    for (int i = 0; i < 12; i++) n += sprintf(body + n, "The first runnings are set apart, and what follows is judged by its smell. ");
    n += sprintf(body + n, "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":412,"
        "\"completion_tokens\":151,\"total_tokens\":563},\"system_fingerprint\":\"fp_0a1b2c\"}");
    whole_length = sprintf(whole, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_1\r\nContent-Length: %d\r\n\r\n%s", n, body);
    const char *shape = "data: {\"id\":\"chatcmpl-B1a2C3d4E5\",\"object\":\"chat.completion.chunk\",\"created\":1763800000,"
        "\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]}\n\n%s";
    sprintf(text, shape, "\"content\":\" runnings\"", "null", "");
    event_length = chunk(event, text);
    sprintf(text, shape, "", "\"stop\"", "data: [DONE]\n\n");
    end_length = chunk(end, text);
    end_length += sprintf(end + end_length, "0\r\n\r\n");
}

static void say(int fd, const char *p, int n) {
    while (n > 0) {
        int sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) usleep(50);
        else if (sent < 0) return;
        else p += sent, n -= sent;
    }
}

static void leave(int fd) {
    close(fd);
    all[fd].open = all[fd].busy = 0;
    all[fd].length = 0;
}

/* Say what is due; a stream without gaps is said at once, event by event. */
static void go_on(int fd) {
    Connection *c = &all[fd];
    if (c->left < 0) {
        say(fd, whole, whole_length);
        c->busy = 0;
        return;
    }
    if (c->left == events) say(fd, stream_head, sizeof stream_head - 1);
    do {
        if (c->left == 0) {
            say(fd, end, end_length);
            c->busy = 0;
            return;
        }
        say(fd, event, event_length);
        c->left--;
    } while (gap == 0);
    c->due = now() + gap;
}

/* Begin with the request that is whole, if one is. */
static void read_request(int fd) {
    Connection *c = &all[fd];
    if (c->busy || c->length == 0) return;
    c->bytes[c->length] = 0;
    char *stop = strstr(c->bytes, "\r\n\r\n");
    if (!stop) return;
    *stop = 0;
    char *said = strcasestr(c->bytes, "\ncontent-length:");
    *stop = '\r';
    long total = stop + 4 - c->bytes + (said ? atol(said + 16) : 0);
    if (c->length < total) return;
    char *body = stop + 4;
    long size = c->bytes + total - body;
    c->left = memmem(body, size, "\"stream\":true", 13) || memmem(body, size, "\"stream\": true", 14) ? events : -1;
    c->length -= total;
    memmove(c->bytes, c->bytes + total, c->length);
    c->busy = 1, c->due = now() + delay;
    if (delay == 0) go_on(fd);
}

static void hear(int fd) {
    Connection *c = &all[fd];
    if (c->room - c->length < 65536 && c->room < MOST_BODY) {
        c->room = c->room ? 2 * c->room : 131072;
        c->bytes = realloc(c->bytes, c->room + 1);
    }
    long n = recv(fd, c->bytes + c->length, c->room - c->length, 0);
    if (n > 0) {
        c->length += n;
        read_request(fd);
    } else if (n == 0 || errno != EAGAIN) {
        leave(fd);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "mock PORT DELAY_MS EVENTS GAP_MS\n"), 2;
    delay = atof(argv[2]) * 1e6, events = atoi(argv[3]), gap = atof(argv[4]) * 1e6;
    make();
    prctl(PR_SET_TIMERSLACK, 1);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, poller = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return perror("listen"), 1;
    struct epoll_event asked = {.events = EPOLLIN, .data.fd = listener}, found[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &asked);
    for (;;) {
        u64 soonest = 0, moment = now();
        for (int fd = 0; (delay || gap) && fd <= highest; fd++)
            if (all[fd].busy && (!soonest || all[fd].due < soonest)) soonest = all[fd].due;
        u64 rest = soonest > moment ? soonest - moment : 0;
        struct timespec patience = {.tv_sec = rest / 1000000000ull, .tv_nsec = rest % 1000000000ull};
        int n = epoll_pwait2(poller, found, 256, soonest ? &patience : NULL, NULL);
        for (int i = 0; i < n; i++) {
            int fd = found[i].data.fd;
            if (fd != listener) {
                if (all[fd].open) hear(fd);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= MOST_CONNECTIONS) {
                    close(fd);
                    continue;
                }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                all[fd].open = 1;
                if (fd > highest) highest = fd;
                asked.data.fd = fd;
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &asked);
            }
        }
        moment = now();
        for (int fd = 0; (delay || gap) && fd <= highest; fd++)
            if (all[fd].open && all[fd].busy && all[fd].due <= moment) {
                go_on(fd);
                read_request(fd);
            }
    }
}
