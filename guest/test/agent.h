/* The interface between test/agent.c, the agent, and test/agent_host.c, its host. */
#ifndef GONDOLIN_TEST_AGENT_H
#define GONDOLIN_TEST_AGENT_H

/* The agent's exit code after a broken rule, which is right for bytes that no host sends. */
#define EXIT_BROKEN_RULE 7

/* Runs the agent on its ends of three socket pairs: the two ports, and a replacement for /dev/fuse. */
void run_agent(int control_fd, int fs_fd, int device_fd) __attribute__((noreturn));

#endif
