/* Modbus server on libmodbus, TCP or RTU, as a peer that genba did not write.
 *
 * Usage: modbus_peer PORT          (0: a free one); prints "port N" when it listens.
 *        modbus_peer DEVICE UNIT   RTU on a serial port, as one unit; prints "port 0" when it listens.
 * Every table has addresses 0..199; what lies beyond is answered with exception 2 by libmodbus itself.
 * Commands, one a line on standard input, each answered with one line on standard output:
 *   set holding|input|coil|discrete ADDRESS VALUE      ok
 *   set32 holding|input ADDRESS VALUE                 ok    two registers in one step, low word first
 *   refuse holding|input|coil|discrete ADDRESS CODE    ok    requests that touch it get this exception; 0: no more;
 *                                                            255: no answer at all
 *   largest COUNT                                      ok    longer requests get exception 3; 0: no limit of its own
 *   busy on|off                                        ok    every request gets exception 6
 *   silent on|off                                      ok    requests are read and not answered
 *   shift on|off                                       ok    answers carry the wrong transaction number
 *   garbage                                            ok    the next answer is not Modbus
 *   drop                                               ok    close every connection
 *   unit NUMBER CODE                                   ok    requests to this unit get this exception; 0 and 255 as above
 *   wait MILLISECONDS                                  ok    answers come so much later
 *   requests                                           N     requests since the start
 *   requests_to UNIT                                   N     requests to this unit since the start
 *   connections                                        N     connections accepted since the start
 * Ends when standard input ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES 200
#define MAX_CLIENTS 32
#define SILENCE 255
enum { COIL = 1, DISCRETE = 2, HOLDING = 3, INPUT = 4, TABLES = 5 };

static modbus_mapping_t *map;
static unsigned char refused[TABLES][ADDRESSES];
static unsigned char refused_unit[256];
static int clients[MAX_CLIENTS], client_count, largest, is_busy, is_silent, is_shifted, is_garbage, is_rtu, wait_ms;
static unsigned long requests, requests_to[256], connections;

static int table_of(const char *name) {
    const char *names[TABLES] = {"", "coil", "discrete", "holding", "input"};
    for (int table = COIL; table < TABLES; table++)
        if (!strcmp(name, names[table])) return table;
    return 0;
}

static void set(int table, int address, int value) {
    switch (table) {
    case COIL: map->tab_bits[address] = value != 0; break;
    case DISCRETE: map->tab_input_bits[address] = value != 0; break;
    case HOLDING: map->tab_registers[address] = value; break;
    case INPUT: map->tab_input_registers[address] = value; break;
    }
}

static void close_client(int index) {
    close(clients[index]);
    clients[index] = clients[--client_count];
}

static void obey(char *line) {
    char word[16] = "", name[16] = "";
    int address = 0, value = 0;
    int words = sscanf(line, "%15s %15s %d %d", word, name, &address, &value), on = !strcmp(name, "on");
    int table = table_of(name), fits = words == 4 && table && address >= 0 && address < ADDRESSES;
    if (!strcmp(word, "set") && fits) set(table, address, value);
    else if (!strcmp(word, "set32") && fits) set(table, address, value & 0xffff), set(table, address + 1, value >> 16);
    else if (!strcmp(word, "refuse") && fits) refused[table][address] = value;
    else if (!strcmp(word, "largest")) largest = atoi(name);
    else if (!strcmp(word, "busy")) is_busy = on;
    else if (!strcmp(word, "silent")) is_silent = on;
    else if (!strcmp(word, "shift")) is_shifted = on;
    else if (!strcmp(word, "garbage")) is_garbage = 1;
    else if (!strcmp(word, "drop")) while (client_count) close_client(0);
    else if (!strcmp(word, "unit") && words >= 3) refused_unit[atoi(name) & 255] = address;
    else if (!strcmp(word, "wait")) wait_ms = atoi(name);
    else if (!strcmp(word, "requests_to")) { printf("%lu\n", requests_to[atoi(name) & 255]); return; }
    else if (!strcmp(word, "requests")) { printf("%lu\n", requests); return; }
    else if (!strcmp(word, "connections")) { printf("%lu\n", connections); return; }
    else { printf("unknown command\n"); return; }
    printf("ok\n");
}

/* The exception that we were told to answer, 0 for a real answer. */
static int exception_for(int unit, int function, int address, int count) {
    if (refused_unit[unit]) return refused_unit[unit];
    if (is_busy) return MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY;
    if (largest && count > largest) return MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE;
    if (function < COIL || function > INPUT) return 0;
    for (int i = address; i < address + count && i < ADDRESSES; i++)
        if (refused[function][i]) return refused[function][i];
    return 0;
}

static void answer(modbus_t *ctx, int client, unsigned char *query, int length) {
    int head = modbus_get_header_length(ctx);
    int address = query[head + 1] << 8 | query[head + 2], count = query[head + 3] << 8 | query[head + 4];
    int unit = query[head - 1], exception = exception_for(unit, query[head], address, count);
    requests++;
    requests_to[unit]++;
    if (wait_ms) usleep(wait_ms * 1000);
    if (is_silent || exception == SILENCE) return;
    if (is_garbage) {
        is_garbage = 0;
        if (write(client, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) < 0) perror("write");
        return;
    }
    if (is_shifted) query[1]--;
    if (exception) modbus_reply_exception(ctx, query, exception);
    else modbus_reply(ctx, query, length, map);
}

static void serve(modbus_t *ctx, int index) {
    unsigned char query[MODBUS_TCP_MAX_ADU_LENGTH];
    if (!is_rtu) modbus_set_socket(ctx, clients[index]);
    int length = modbus_receive(ctx, query);
    if (length > 0) answer(ctx, clients[index], query, length);
    else if (length < 0 && !is_rtu) close_client(index);
    else if (length < 0) modbus_flush(ctx);
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof where;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&where, sizeof where) || listen(listener, 8)) { perror("listen"); exit(1); }
    getsockname(listener, (void *)&where, &size);
    printf("port %d\n", ntohs(where.sin_port));
    return listener;
}

int main(int count, char **words) {
    char line[128];
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    is_rtu = count > 2;
    modbus_t *ctx = is_rtu ? modbus_new_rtu(words[1], 19200, 'N', 8, 1) : modbus_new_tcp("127.0.0.1", 1502);
    map = modbus_mapping_new(ADDRESSES, ADDRESSES, ADDRESSES, ADDRESSES);
    if (!ctx || !map) { fprintf(stderr, "%s\n", modbus_strerror(errno)); return 1; }
    int listener = -1;  /* poll() leaves it out */
    if (is_rtu) {
        if (modbus_set_slave(ctx, atoi(words[2])) || modbus_connect(ctx)) { perror(words[1]); return 1; }
        clients[client_count++] = modbus_get_socket(ctx);
        printf("port 0\n");
    } else {
        listener = listen_on(count > 1 ? atoi(words[1]) : 0);
    }
    for (;;) {
        struct pollfd wait[MAX_CLIENTS + 2] = {{.fd = 0, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
        int waited = client_count;
        for (int i = 0; i < waited; i++) wait[i + 2] = (struct pollfd){.fd = clients[i], .events = POLLIN};
        if (poll(wait, waited + 2, -1) < 0) return 1;
        for (int i = waited - 1; i >= 0; i--)
            if (wait[i + 2].revents) serve(ctx, i);
        if (wait[1].revents && client_count < MAX_CLIENTS) {
            clients[client_count++] = accept(listener, NULL, NULL);
            connections++;
        }
        if (wait[0].revents) {
            if (!fgets(line, sizeof line, stdin)) return 0;
            obey(line);
        }
    }
}
