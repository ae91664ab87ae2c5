/* Modbus TCP server for measurements: one thread, no library, so that the server is never what is measured.
 *
 * Usage: modbus_server PERIOD_MS [PORTS=1]       listens on so many free ports, as if each were a device
 *   Register i at wall time t (ms) holds ((t + 37 * i) / PERIOD_MS) & 0xffff, whatever the unit: each register changes
 *   every PERIOD_MS, and the instant of every change follows from the value. PERIOD_MS 0: register i holds i, for ever.
 * Prints "port N" for each port on which it listens. Commands, one a line on standard input, answered on standard output:
 *   slow MS    ok             every answer takes this long from now on; one request is served at a time
 *   clear      ok             forget the log
 *   log        one line a request since the last `clear`, "CONNECTION UNIT ADDRESS COUNT MICROSECONDS", then "end"
 * MICROSECONDS is the wall time for which the answer's values were made; the answer is written right after that.
 * Ends when standard input ends. Functions 3 and 4 only.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MOST_PORTS 64
#define MOST_CONNECTIONS 128
#define MOST_LOGGED 4000000
#define HEADER 7
#define REQUEST 12
#define MOST_REGISTERS 125

struct connection {
    int socket, id, filled;
    unsigned char bytes[16384];
};

struct entry {
    int64_t at_us;
    uint16_t connection, address, count;
    uint8_t unit;
};

static struct connection connections[MOST_CONNECTIONS];
static int connected, next_id;
static struct entry *entries;
static long logged;
static int64_t period_ms;
static long slow_ms;

static int64_t now_us(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

static void wait_ms(long ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&rest, NULL);
}

/* Answers one request; the number of bytes in `answer`. */
static int answer_to(const struct connection *from, const unsigned char *request, unsigned char *answer)
{
    int function = request[7], address = request[8] << 8 | request[9], count = request[10] << 8 | request[11];
    memcpy(answer, request, 8);
    if ((function != 3 && function != 4) || count < 1 || count > MOST_REGISTERS) {
        answer[4] = 0, answer[5] = 3, answer[7] = function | 0x80, answer[8] = function == 3 || function == 4 ? 3 : 1;
        return 9;
    }
    if (slow_ms)
        wait_ms(slow_ms);
    int64_t at_us = now_us();
    for (int i = 0; i < count; i++) {
        int64_t register_number = address + i;
        unsigned value = period_ms ? (unsigned)((at_us / 1000 + 37 * register_number) / period_ms) : register_number;
        answer[9 + 2 * i] = value >> 8 & 0xff, answer[10 + 2 * i] = value & 0xff;
    }
    answer[4] = (3 + 2 * count) >> 8, answer[5] = (3 + 2 * count) & 0xff, answer[8] = 2 * count;
    if (logged < MOST_LOGGED)
        entries[logged++] = (struct entry){at_us, from->id, address, count, request[6]};
    return 9 + 2 * count;
}

static void write_all(int socket, const unsigned char *bytes, int length)
{
    while (length > 0) {
        int written = write(socket, bytes, length);
        if (written <= 0)
            return;
        bytes += written, length -= written;
    }
}

/* Serves what came in on one connection; 0 when it has ended. */
static int serve(struct connection *one)
{
    unsigned char answer[2 * MOST_REGISTERS + 16];
    int got = read(one->socket, one->bytes + one->filled, sizeof one->bytes - one->filled), used = 0;
    if (got <= 0)
        return 0;
    one->filled += got;
    while (one->filled - used >= REQUEST) {
        int length = HEADER - 1 + (one->bytes[used + 4] << 8 | one->bytes[used + 5]);
        if (length != REQUEST)
            return 0;
        write_all(one->socket, answer, answer_to(one, one->bytes + used, answer));
        used += length;
    }
    memmove(one->bytes, one->bytes + used, one->filled - used);
    one->filled -= used;
    return 1;
}

static void obey(char *line)
{
    if (sscanf(line, "slow %ld", &slow_ms) == 1 || !strncmp(line, "clear", 5)) {
        if (line[0] == 'c')
            logged = 0;
        puts("ok");
    } else if (!strncmp(line, "log", 3)) {
        for (long i = 0; i < logged; i++)
            printf("%u %u %u %u %lld\n", entries[i].connection, entries[i].unit, entries[i].address, entries[i].count,
                   (long long)entries[i].at_us);
        puts("end");
    } else {
        puts("unknown command");
    }
    fflush(stdout);
}

static int listen_somewhere(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t size = sizeof here;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 64)) {
        perror("modbus_server");
        exit(1);
    }
    getsockname(listener, (struct sockaddr *)&here, &size);
    printf("port %d\n", ntohs(here.sin_port));
    fflush(stdout);
    return listener;
}

static void take_connection(int listener)
{
    int one = 1, socket = accept(listener, NULL, NULL);
    if (socket < 0)
        return;
    if (connected == MOST_CONNECTIONS) {
        close(socket);
        return;
    }
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connections[connected].socket = socket, connections[connected].filled = 0;
    connections[connected++].id = next_id++;
}

int main(int count, char **arguments)
{
    char line[256];
    int ports = count == 3 ? atoi(arguments[2]) : 1, listeners[MOST_PORTS];
    if (count < 2 || count > 3 || ports < 1 || ports > MOST_PORTS) {
        fprintf(stderr, "usage: modbus_server PERIOD_MS [PORTS]\n");
        return 2;
    }
    period_ms = atoll(arguments[1]);
    entries = malloc(MOST_LOGGED * sizeof *entries); /* pages are taken as the log grows */
    for (int i = 0; i < ports; i++)
        listeners[i] = listen_somewhere();
    for (;;) {
        struct pollfd waited[MOST_CONNECTIONS + MOST_PORTS + 1] = {{.fd = 0, .events = POLLIN}};
        int first = 1 + ports;
        for (int i = 0; i < ports; i++)
            waited[1 + i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
        for (int i = 0; i < connected; i++)
            waited[first + i] = (struct pollfd){.fd = connections[i].socket, .events = POLLIN};
        poll(waited, first + connected, -1);
        for (int i = connected - 1; i >= 0; i--)
            if (waited[first + i].revents && !serve(&connections[i])) {
                close(connections[i].socket);
                connections[i] = connections[--connected];
            }
        for (int i = 0; i < ports; i++)
            if (waited[1 + i].revents)
                take_connection(listeners[i]);
        if (waited[0].revents) {
            if (!fgets(line, sizeof line, stdin))
                return 0;
            obey(line);
        }
    }
}
