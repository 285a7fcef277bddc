/** Exit codes of `gondolin run` (docs/cli.md): what a CI script can tell apart. */
export const EXIT = {
  config: 2,
  policy: 3,
  timeout: 124,
  runner: 125,
  notExecutable: 126,
  notFound: 127,
  interrupted: 130,
  terminated: 143,
} as const;

/**
 * Every error gondolin raises on purpose. `AREA_WHAT`, where AREA is the folder that raises it.
 * `hint` is the next move for the person reading; a call site may pass a more exact one.
 * Stable: renaming a code is a breaking change. docs/errors.md lists the same rows (held by a test).
 */
export const CODES = {
  CONFIG_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Create a gondolin.yaml with `gondolin init`, or name one with -f FILE.',
  },
  CONFIG_INVALID: {
    exit: EXIT.config,
    hint: 'Fix the places named above and run the command again.',
  },
  CONFIG_VOLUME_INVALID: {
    exit: EXIT.config,
    hint: 'Write the volume as host:guest or host:guest:ro, with a host path that exists.',
  },
  HOST_ACCEL_INVALID: {
    exit: EXIT.config,
    hint: 'Set GONDOLIN_ACCEL to tcg or kvm, or unset it.',
  },
  HOST_AGENT_NOT_BUILT: {
    exit: EXIT.runner,
    hint: 'Build it with `make -C guest` in the package directory.',
  },
  HOST_CACHE_LIMIT_INVALID: {
    exit: EXIT.config,
    hint: 'Set GONDOLIN_CACHE_LIMIT to a size such as 20GiB, to none, or unset it.',
  },
  HOST_DIRECTORY_UNUSABLE: {
    exit: EXIT.runner,
    hint: 'Make its parent writable for this user, or set XDG_CACHE_HOME and XDG_STATE_HOME to directories that are.',
  },
  HOST_LOCK_FAILED: {
    exit: EXIT.runner,
    hint: 'Put the cache on a local file system with file locks: set XDG_CACHE_HOME.',
  },
  HOST_PACKAGE_INCOMPLETE: {
    exit: EXIT.runner,
    hint: 'Install gondolin with npm; where a bundler packs your program, mark gondolin as external.',
  },
  HOST_TOOL_FAILED: {
    exit: EXIT.runner,
    hint: 'Run `gondolin doctor` and repair the program it names.',
  },
  HOST_TOOL_NOT_FOUND: {
    exit: EXIT.runner,
    hint: 'Run `gondolin doctor`: it names the command that installs it.',
  },
  HOST_WRITE_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free space and the permissions of that directory (`gondolin doctor`).',
  },
  IMAGE_AGENT_MISSING: {
    exit: EXIT.runner,
    hint: 'Build the guest agent with `npm run build:guest`.',
  },
  IMAGE_ARCH_UNSUPPORTED: {
    exit: EXIT.config,
    hint: 'Use an image for x86_64.',
  },
  IMAGE_BUILD_FAILED: {
    exit: EXIT.runner,
    hint: 'Read the lines above; the build log says more.',
  },
  IMAGE_BUILD_UNPRIVILEGED: {
    exit: EXIT.runner,
    hint: 'Build as root, or install uidmap and give the user subordinate ids.',
  },
  IMAGE_INVALID: {
    exit: EXIT.runner,
    hint: 'Build that image again; its files are not what its manifest says.',
  },
  IMAGE_KERNEL_INVALID: {
    exit: EXIT.runner,
    hint: 'The kernel package is damaged or of a form gondolin does not know; please report its version.',
  },
  IMAGE_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Correct the path, or leave it out to use the built-in image.',
  },
  IMAGE_PACKAGE_UNKNOWN: {
    exit: EXIT.config,
    hint: 'Correct the package name under images: build.debian.packages.',
  },
  IMAGE_RECIPE_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the image under images: and run the command again.',
  },
  IMAGE_SOURCES_MISSING: {
    exit: EXIT.config,
    hint: 'Name a Debian mirror with build.debian.mirror.',
  },
  IMAGE_TOOL_MISSING: {
    exit: EXIT.runner,
    hint: 'Install the named programs; `gondolin doctor` lists all of them.',
  },
  MACHINE_EXITED: {
    exit: EXIT.runner,
    hint: 'Read the console lines above. If the guest ran out of memory, raise resources.memory.',
  },
  MACHINE_QMP_CLOSED: {
    exit: EXIT.runner,
    hint: 'QEMU has ended or closed its monitor; the error before this one says why.',
  },
  MACHINE_QMP_FAILED: {
    exit: EXIT.runner,
    hint: 'QEMU refused a command of gondolin: please report it with the output of `gondolin doctor`.',
  },
  MACHINE_QMP_PROTOCOL: {
    exit: EXIT.runner,
    hint: 'QEMU broke its monitor protocol; the machine is ended. Please report it with `gondolin doctor`.',
  },
  MACHINE_QMP_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'The host may be overloaded: run fewer sandboxes at once and try again.',
  },
  MACHINE_SPEC_INVALID: {
    exit: EXIT.config,
    hint: 'Correct resources.cpus and resources.memory.',
  },
  MACHINE_STATE_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free disk space; run again with --cold to start without saved memory.',
  },
  MACHINE_START_FAILED: {
    exit: EXIT.runner,
    hint: 'Run `gondolin doctor`; the lines above are what QEMU said.',
  },
  NET_AUDIT_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free space of the disk, and run the command again.',
  },
  NET_AUDIT_UNUSABLE: {
    exit: EXIT.config,
    hint: 'Name another file for --events or --har.',
  },
  NET_BODY_LIMIT: {
    exit: EXIT.runner,
    hint: 'Send the body without a content-encoding, or in one that saves less.',
  },
  NET_CA_INVALID: {
    exit: EXIT.config,
    hint: 'Give texts with one or more certificates in PEM, such as readFileSync("root.pem", "utf8").',
  },
  NET_CA_UNUSABLE: {
    exit: EXIT.runner,
    hint: 'Make that directory and the file in it yours, readable by you only (0700 and 0600).',
  },
  NET_CLOSED: {
    exit: EXIT.runner,
    hint: 'The VM it belonged to has ended, or the guest went away: nothing is to be done.',
  },
  NET_DIAL_FAILED: {
    exit: EXIT.runner,
    hint: 'Check that the server runs and that this host can reach it.',
  },
  NET_DIAL_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Check that the server is reachable from this host, and its firewall.',
  },
  NET_HOOK_FAILED: {
    exit: EXIT.runner,
    hint: 'Repair onRequest, onRequestHead or onResponse; the cause is what it threw.',
  },
  NET_NAME_UNRESOLVED: {
    exit: EXIT.runner,
    hint: 'Check the name, and that this host can resolve it.',
  },
  NET_PATTERN_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the entry under network:; docs/network.md has the pattern language.',
  },
  NET_RESPONSE_ENCODING: {
    exit: EXIT.runner,
    hint: 'Ask that server for another content-encoding: answers that may repeat a secret have to be decoded.',
  },
  NET_SECRET_INVALID: {
    exit: EXIT.config,
    hint: 'Write the secret as NAME@host1,host2, with a value of one line.',
  },
  NET_SECRET_LEAK: {
    exit: EXIT.policy,
    hint: 'Send it in a header to a host of its list over https, or add the host to that list.',
  },
  NET_SECRET_LIMIT: {
    exit: EXIT.runner,
    hint: 'Send the placeholder of a secret at most 16 times in the path and fields of a request.',
  },
  NET_SECRET_UNREADABLE: {
    exit: EXIT.config,
    hint: 'Set that variable, or repair that file or command; run the command yourself to see what it says.',
  },
  NET_TLS_NAME_INVALID: {
    exit: EXIT.policy,
    hint: 'Connect with the name of a host or its address, as its certificate would have it.',
  },
  NET_UPSTREAM_CLOSED: {
    exit: EXIT.runner,
    hint: 'Look at the log of the server; try the request from this host.',
  },
  NET_UPSTREAM_INVALID: {
    exit: EXIT.runner,
    hint: 'Look at what the server sends; its answer breaks HTTP or is over a limit.',
  },
  NET_UPSTREAM_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Look at why the server takes so long.',
  },
  NET_UPSTREAM_TLS: {
    exit: EXIT.runner,
    hint: 'Add the root certificate of the server to network.ca, or repair its certificate.',
  },
  NET_WEBSOCKET_INVALID: {
    exit: EXIT.runner,
    hint: 'Look at the program that sent it: what follows a WebSocket handshake must be WebSocket frames.',
  },
  PROTOCOL_TEXT_HAS_NUL: {
    exit: EXIT.runner,
    hint: 'Remove the NUL character from the command, its environment, user or directory.',
  },
  GUEST_PROTOCOL: {
    exit: EXIT.runner,
    hint: 'Treat the code that ran in the VM as hostile; its VM was reset and the host is unharmed.',
  },
  MUX_CLOSED: {
    exit: EXIT.runner,
    hint: 'Look at the VM console for why it ended, and start it again.',
  },
  MUX_STREAM_RESET: {
    exit: EXIT.runner,
    hint: 'Expect this when the process in the guest ends or closes its input before all was sent.',
  },
  MUX_STREAM_LIMIT: {
    exit: EXIT.runner,
    hint: 'Wait for running commands to end before you start more in the same VM.',
  },
  MUX_MESSAGE_TOO_LARGE: {
    exit: EXIT.runner,
    hint: 'Please report this: a request was sent without a check of its size.',
  },
  MUX_HANDLER_FAILED: {
    exit: EXIT.runner,
    hint: 'Please report this with the stack of its cause.',
  },
  AGENT_VERSION: {
    exit: EXIT.runner,
    hint: 'Rebuild the image with this version of gondolin: run `gondolin prune`, then the command again.',
  },
  AGENT_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Check that the host is not overloaded, and look at the VM console.',
  },
  AGENT_REQUEST_FAILED: {
    exit: EXIT.runner,
    hint: 'Look at the errno and the stage named above, and at the VM console.',
  },
  AGENT_REQUEST_TOO_LARGE: {
    exit: EXIT.runner,
    hint: 'Pass less in argv and env: write large data to standard input or to a file.',
  },
  AGENT_EXEC_NOT_FOUND: {
    exit: EXIT.notFound,
    hint: 'Check the name and the PATH, or add the package to the image.',
  },
  AGENT_EXEC_NOT_EXECUTABLE: {
    exit: EXIT.notExecutable,
    hint: 'Set the execute bit, and check its first line and its architecture.',
  },
  AGENT_EXEC_BAD_USER: {
    exit: EXIT.runner,
    hint: "Name a user of the image's /etc/passwd, or give UID[:GID] in numbers.",
  },
  AGENT_EXEC_BAD_CWD: {
    exit: EXIT.runner,
    hint: 'Name a directory that is in the image or below a mount and that the user may enter.',
  },
  CLI_FILE_EXISTS: {
    exit: EXIT.config,
    hint: 'Keep it, or overwrite it with --force.',
  },
  CLI_INTERRUPTED: {
    exit: EXIT.interrupted,
    hint: 'Run the command again when you are ready: nothing was left behind.',
  },
  CLI_OUTPUT_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the disk or the program that standard output goes to.',
  },
  CLI_TERMINATED: {
    exit: EXIT.terminated,
    hint: 'Run the command again when you are ready: nothing was left behind.',
  },
  CLI_USAGE: {
    exit: EXIT.config,
    hint: 'Run `gondolin --help`, or `gondolin COMMAND --help`.',
  },
  PROJECT_CA_INVALID: {
    exit: EXIT.config,
    hint: 'Name a readable file with one or more certificates in PEM under network.ca.',
  },
  PROJECT_CODE_WRITABLE: {
    exit: EXIT.config,
    hint: 'Keep what the host runs out of read-write volumes: mount less, mount it read-only, or move the file; on_writable_code: warn runs it all the same.',
  },
  PROJECT_INPUT_LIMIT: {
    exit: EXIT.config,
    hint: 'Name fewer files, or leave directories out with a line such as "!node_modules/**".',
  },
  PROJECT_INPUT_MISSING: {
    exit: EXIT.config,
    hint: 'Correct the path or glob under inputs:; relative ones start at the file they stand in.',
  },
  PROJECT_INPUT_UNREADABLE: {
    exit: EXIT.config,
    hint: 'Make the file readable and finish writing it, or leave it out of inputs:.',
  },
  PROJECT_KILL_FAILED: {
    exit: EXIT.runner,
    hint: 'The sandbox was ended. If this comes again, give it more CPUs or report it with `--debug` output.',
  },
  PROJECT_NETWORK_BLOCKED: {
    exit: EXIT.policy,
    hint: 'See above what was blocked and what would allow it; network.on_blocked: warn lets such a run succeed.',
  },
  PROJECT_POLICY_SCRIPT_INVALID: {
    exit: EXIT.config,
    hint: 'Export onRequest or onResponse, or both, from a module that loads by itself.',
  },
  PROJECT_SANDBOX_TIMEOUT: {
    exit: EXIT.timeout,
    hint: 'Raise `resources.timeout` of the sandbox, or make its steps shorter.',
  },
  PROJECT_VM_ENDED: {
    exit: EXIT.runner,
    hint: 'Look for a step that powers off or kills process 1 of the guest.',
  },
  SESSION_FAILED: {
    exit: EXIT.runner,
    hint: 'Run the command again; if the other gondolin has ended, start it again first.',
  },
  SESSION_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Start the sandbox with `gondolin run` in this directory, and repeat the command while it runs.',
  },
  SNAPSHOT_EXISTS: {
    exit: EXIT.config,
    hint: 'Choose another name, or replace it with --force.',
  },
  SNAPSHOT_NAME_INVALID: {
    exit: EXIT.config,
    hint: 'Use 1 to 63 small letters, digits, _ and -, starting with a letter or digit.',
  },
  SNAPSHOT_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'List the snapshots with `gondolin images`.',
  },
  SNAPSHOT_REFUSED: {
    exit: EXIT.runner,
    hint: 'Remove it with `gondolin prune`, or run with --cold.',
  },
  SNAPSHOT_UNSUPPORTED: {
    exit: EXIT.runner,
    hint: 'Give the mount another provider, or run without saving.',
  },
  VFS_MOUNT_FAILED: {
    exit: EXIT.config,
    hint: 'Check that the host path of the volume exists and that you may read it.',
  },
  VM_BAD_OPTION: {
    exit: EXIT.config,
    hint: 'Correct the option; docs/sdk.md lists what each one takes.',
  },
  VM_BOOT_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Read the console lines above; on a loaded host without KVM run fewer VMs at once.',
  },
  VM_EXEC_ABORTED: {
    exit: EXIT.interrupted,
    hint: 'Your own signal cancelled the command; run it again.',
  },
  VM_EXEC_TIMEOUT: {
    exit: EXIT.timeout,
    hint: 'Raise the timeout, or find out why the command takes so long.',
  },
  VM_INPUT_FAILED: {
    exit: EXIT.runner,
    hint: 'The stream given as stdin failed: see its own error (the cause).',
  },
  VM_KILL_FAILED: {
    exit: EXIT.runner,
    hint: 'The VM was ended. If this comes again, give it more CPUs; else distrust what ran in it.',
  },
  VM_NOT_RUNNING: {
    exit: EXIT.runner,
    hint: 'Create a new VM: this one has been closed.',
  },
  VM_OUTPUT_FAILED: {
    exit: EXIT.runner,
    hint: 'The stream given as stdout or stderr failed: see its own error (the cause).',
  },
  VM_OUTPUT_NOT_JSON: {
    exit: EXIT.runner,
    hint: "Look at the result's stdout, stderr and exitCode.",
  },
  VM_OUTPUT_TOO_LARGE: {
    exit: EXIT.runner,
    hint: "Stream the output with stdout: 'pipe', or raise maxOutputBytes.",
  },
  VM_START_ABORTED: {
    exit: EXIT.interrupted,
    hint: 'Your own signal cancelled the start; create the VM again.',
  },
} as const satisfies Record<string, { exit: number; hint: string }>;

/** The closed union of error codes; match on this, never on a message. */
export type ErrorCode = keyof typeof CODES;
