/* The floor: what a machine can do when a program does nothing but send.
 *
 * One thread, epoll, one send() for each event and stream.  No inbox, no database, no parser.
 *   GET /stream/K            opens a stream of recipient K (a number below 65,536)
 *   GET /fire?n=N&of=M       sends N events, the i-th to recipient (i * 7919) % M
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECIPIENTS 65536
#define DESCRIPTORS 65536
#define PADDING 371

static int first[RECIPIENTS];                                /* recipient -> descriptor, 0: none */
static int next_of[DESCRIPTORS], previous_of[DESCRIPTORS];   /* streams of one recipient */
static int recipient_of[DESCRIPTORS];                        /* -1: not a stream */

static void open_stream(int fd, int recipient) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (send(fd, head, sizeof head - 1, MSG_NOSIGNAL) < 0) return;
    recipient_of[fd] = recipient;
    previous_of[fd] = 0;
    next_of[fd] = first[recipient];
    if (first[recipient]) previous_of[first[recipient]] = fd;
    first[recipient] = fd;
}

static void close_stream(int fd) {
    int recipient = recipient_of[fd];
    if (recipient >= 0) {
        if (previous_of[fd]) next_of[previous_of[fd]] = next_of[fd];
        else first[recipient] = next_of[fd];
        if (next_of[fd]) previous_of[next_of[fd]] = previous_of[fd];
        recipient_of[fd] = -1;
    }
    close(fd);
}

static void send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            struct pollfd ready = {fd, POLLOUT, 0};
            if (errno != EAGAIN || poll(&ready, 1, 1000) <= 0) return;
            continue;
        }
        data += sent;
        size -= (size_t)sent;
    }
}

static void fire(int count, int of) {
    static char padding[PADDING + 1], body[1024], frame[1100];
    memset(padding, 'x', PADDING);
    for (int number = 0; number < count; number++) {
        int recipient = (int)((long)number * 7919 % of);
        int size = snprintf(body, sizeof body, "id: %d\ndata: {\"n\":%d,\"mark\":\"~%s\"}\n\n",
                            number, number, padding);
        int whole = snprintf(frame, sizeof frame, "%x\r\n%s\r\n", size, body);
        for (int fd = first[recipient]; fd; fd = next_of[fd]) send_all(fd, frame, (size_t)whole);
    }
}

static void answer(int fd, char *request) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    int recipient, count, of;
    if (sscanf(request, "GET /stream/%d", &recipient) == 1 && recipient >= 0 && recipient < RECIPIENTS)
        open_stream(fd, recipient);
    else {
        if (sscanf(request, "GET /fire?n=%d&of=%d", &count, &of) == 2 && of > 0) fire(count, of);
        send_all(fd, ok, sizeof ok - 1);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) {
        perror("floor");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv) {
    int listener = listen_on(argc > 1 ? atoi(argv[1]) : 8000), epoll = epoll_create1(0), one = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    char buffer[4096];
    memset(recipient_of, -1, sizeof recipient_of);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int at = 0; at < ready; at++) {
            int fd = events[at].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event.data.fd = fd;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
                }
                continue;
            }
            ssize_t got = recv(fd, buffer, sizeof buffer - 1, 0);
            if (got <= 0) {
                if (got == 0 || errno != EAGAIN) close_stream(fd);
                continue;
            }
            buffer[got] = 0;
            answer(fd, buffer);
        }
    }
}
