// The minimal launcher for SO_REUSEPORT: it makes one listening socket for each worker, in order. With "bpf", it attaches a program that
// chooses by the client's IPv4 address. Each worker inherits its socket as descriptor 3.
//
//     reuseport_launcher hash|bpf PORT WORKERS COMMAND ARG...
//
// The launcher exits when a worker exits or a signal arrives. It takes its workers with it.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kWorkersMax = 256, kBacklog = 4096, kInherited = 3 };

static void Die(const char* what) {
  perror(what);
  exit(1);
}

static int Listen(unsigned short port) {
  const int on = 1;
  const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) Die("socket");
  if (bind(fd, (const struct sockaddr*)&any, sizeof any) != 0) Die("bind");
  if (listen(fd, kBacklog) != 0) Die("listen");
  return fd;
}

/** Chooses by the multiplied address modulo the number of workers. This is sticky, and cheaper than a ring. */
static void Steer(int fd, unsigned workers) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_NET_OFF + 12),
      BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9E3779B1u),
      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),
      BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0) Die("attach");
}

int main(int argc, char** argv) {
  const int workers = argc > 4 ? atoi(argv[3]) : 0;
  if (workers < 1 || workers > kWorkersMax) {
    fprintf(stderr, "usage: %s hash|bpf PORT WORKERS COMMAND ARG...\n", argv[0]);
    return 2;
  }
  int listeners[kWorkersMax];
  for (int i = 0; i < workers; i++) listeners[i] = Listen((unsigned short)atoi(argv[2]));
  if (strcmp(argv[1], "bpf") == 0) Steer(listeners[0], (unsigned)workers);
  for (int i = 0; i < workers; i++) {
    const pid_t child = fork();
    if (child < 0) Die("fork");
    if (child > 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int mine = fcntl(listeners[i], F_DUPFD_CLOEXEC, kInherited + 1);
    if (mine < 0 || dup2(mine, kInherited) < 0) Die("dup2");
    setenv("BENCH_LISTEN_FD", "3", 1);
    execvp(argv[4], argv + 4);
    Die("exec");
  }
  wait(NULL);
  return 1;
}
