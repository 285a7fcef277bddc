import { FILE_CODES } from './file-codes.ts';

/** Exit codes of `gondolin run` that a CI script can tell apart (docs/cli.md). */
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
 * Every error that gondolin raises on purpose: `AREA_WHAT`, where AREA is the folder that raises it.
 * `hint` tells the reader what to do next; a call site may pass a more exact one.
 * Stable: renaming a code is a breaking change. docs/errors.md has the same rows (a house test compares them).
 */
export const CODES = {
  CLUSTER_REFUSED: {
    exit: EXIT.runner,
    hint: 'Read the reason: a partition, a limit or an account is often missing. Variables such as SBATCH_PARTITION set what sbatch needs.',
  },
  CLUSTER_SECRETS_LEFT: {
    exit: EXIT.config,
    hint: 'Take the secrets from a file or a command on the nodes (`from:`), or allow it with --send-secrets.',
  },
  CLUSTER_TOOL_MISSING: {
    exit: EXIT.config,
    hint: 'Run this where jobs are submitted, or install the client programs of Slurm there.',
  },
  CLUSTER_UNREACHABLE: {
    exit: EXIT.runner,
    hint: 'Check with `squeue` whether the job still runs; its output is in the directory jobs/ of the cache.',
  },
  CONFIG_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Create a gondolin.yaml with `gondolin init`, or pass the path of one with -f FILE.',
  },
  CONFIG_INVALID: {
    exit: EXIT.config,
    hint: 'Fix the problems listed above and run the command again.',
  },
  CONFIG_SECRET_INVALID: {
    exit: EXIT.config,
    hint: 'Write the secret as NAME@host1,host2 and set the variable NAME.',
  },
  CONFIG_VOLUME_INVALID: {
    exit: EXIT.config,
    hint: 'Write the volume as host:guest or host:guest:ro, with a host path that exists.',
  },
  CONVERT_INPUT_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the file at that place: it is not one that the tool it is for would accept either.',
  },
  CONVERT_INPUT_UNREADABLE: {
    exit: EXIT.config,
    hint: 'Pass the path of a Compose file or devcontainer.json, at most 1 MiB in size.',
  },
  ERR_CANCELLED: {
    exit: EXIT.timeout,
    hint: 'Raise the limit of the call, or find what the handler does for so long; restore() a snapshot or unload() before the next call.',
  },
  ERR_CONSUMED: {
    exit: EXIT.runner,
    hint: 'Use the object that the first call returned.',
  },
  ERR_GUEST_ABORT: {
    exit: EXIT.runner,
    hint: 'Give the sandbox a larger heap with setHeapSize(); restore() a snapshot or unload() before the next call.',
  },
  ERR_INTERNAL: {
    exit: EXIT.runner,
    hint: 'Correct the handler: the message is what it threw.',
  },
  ERR_INVALID_ARG: {
    exit: EXIT.config,
    hint: 'Correct the argument that the message names.',
  },
  ERR_POISONED: {
    exit: EXIT.runner,
    hint: 'Restore a snapshot with restore(), or start again with unload().',
  },
  ERR_STACK_OVERFLOW: {
    exit: EXIT.runner,
    hint: 'Recurse less, or give the sandbox a larger stack with setStackSize(); restore() a snapshot or unload() before the next call.',
  },
  HOST_ACCEL_INVALID: {
    exit: EXIT.config,
    hint: 'Set GONDOLIN_ACCEL to tcg or kvm, or unset it.',
  },
  HOST_AGENT_NOT_BUILT: {
    exit: EXIT.runner,
    hint: 'Run `make -C guest` in the package directory.',
  },
  HOST_CACHE_LIMIT_INVALID: {
    exit: EXIT.config,
    hint: 'Set GONDOLIN_CACHE_LIMIT to a size such as 20GiB or to none, or unset it.',
  },
  HOST_DIRECTORY_UNUSABLE: {
    exit: EXIT.runner,
    hint: 'Make the parent directory writable for this user, or set XDG_CACHE_HOME and XDG_STATE_HOME to directories that are.',
  },
  HOST_FILES_UNREACHABLE: {
    exit: EXIT.runner,
    hint: 'Bring the server of that file system back, or unmount it with umount -l.',
  },
  HOST_LOCK_FAILED: {
    exit: EXIT.runner,
    hint: 'Set XDG_CACHE_HOME to a directory on a local file system that supports file locks.',
  },
  HOST_PACKAGE_INCOMPLETE: {
    exit: EXIT.runner,
    hint: 'Install gondolin with npm. If you bundle your program, mark gondolin as external.',
  },
  HOST_TOOL_FAILED: {
    exit: EXIT.runner,
    hint: 'Run `gondolin doctor` and repair the program it names.',
  },
  HOST_TOOL_NOT_FOUND: {
    exit: EXIT.runner,
    hint: 'Run `gondolin doctor` to see the command that installs it.',
  },
  HOST_WRITE_FAILED: {
    exit: EXIT.runner,
    hint: 'Run `gondolin doctor`, and check the free space and the permissions of that directory.',
  },
  IMAGE_AGENT_MISSING: {
    exit: EXIT.runner,
    hint: 'Build the guest agent with `npm run build:guest`.',
  },
  IMAGE_ARCH_UNSUPPORTED: {
    exit: EXIT.config,
    hint: 'For aarch64 use an image of a registry (oci:), Alpine packages (alpine:) or a directory (path:): they are built without running anything of it here.',
  },
  IMAGE_BUILD_FAILED: {
    exit: EXIT.runner,
    hint: 'Read the output above, and the build log for details.',
  },
  IMAGE_BUILD_UNPRIVILEGED: {
    exit: EXIT.runner,
    hint: 'Build as root, or install uidmap and give this user subordinate ids.',
  },
  IMAGE_CREDENTIALS_FAILED: {
    exit: EXIT.runner,
    hint: 'Log in to the registry again with `docker login` or `podman login`.',
  },
  IMAGE_DIGEST_MISMATCH: {
    exit: EXIT.runner,
    hint: 'Pull the image again; if that fails too, the registry or the file serves other bytes than it promises.',
  },
  IMAGE_DOCKERFILE_FAILED: {
    exit: EXIT.runner,
    hint: 'Read the output above, and correct that line of the Dockerfile; what its instructions may reach is the `network:` of the image.',
  },
  IMAGE_DOCKERFILE_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the Dockerfile at that line, or `dockerfile:`, `context:` and `target:` of the image.',
  },
  IMAGE_INVALID: {
    exit: EXIT.runner,
    hint: 'Build the image again: its files do not match its manifest.',
  },
  IMAGE_KERNEL_INVALID: {
    exit: EXIT.runner,
    hint: 'Report the version of the kernel package: it is damaged or has an unknown format.',
  },
  IMAGE_KEY_INVALID: {
    exit: EXIT.config,
    hint: 'Replace the file by a public RSA key in PEM form, as `/etc/apk/keys` of Alpine has them.',
  },
  IMAGE_KEY_MISSING: {
    exit: EXIT.config,
    hint: 'Copy the key from `/etc/apk/keys` of an Alpine system that you trust into that directory, under its name; docs/images.md says how.',
  },
  IMAGE_LAYER_INVALID: {
    exit: EXIT.runner,
    hint: 'Build the image again with a tool of its own: this one cannot be unpacked safely.',
  },
  IMAGE_LOCK_INVALID: {
    exit: EXIT.config,
    hint: 'Restore the lock file, or delete it and run `gondolin lock`.',
  },
  IMAGE_LOCK_OUTDATED: {
    exit: EXIT.config,
    hint: 'Run `gondolin lock`, look at what changed, and commit the lock file.',
  },
  IMAGE_MANIFEST_INVALID: {
    exit: EXIT.runner,
    hint: 'Build and push the image again as an OCI or Docker (schema 2) image for Linux.',
  },
  IMAGE_MIRROR_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the mirror, the network and the proxy, then run the command again: what was downloaded is kept.',
  },
  IMAGE_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Correct the path, or remove it to use the built-in image.',
  },
  IMAGE_NOT_PULLED: {
    exit: EXIT.config,
    hint: 'Run `gondolin pull`, or set `pull: missing` for the image.',
  },
  IMAGE_OUTPUT_OCCUPIED: {
    exit: EXIT.config,
    hint: 'Choose a directory that does not exist yet, is empty, or holds an image to replace.',
  },
  IMAGE_PACKAGES_CONFLICT: {
    exit: EXIT.config,
    hint: 'Change the packages of the image, or their versions, so that they can be installed together.',
  },
  IMAGE_PACKAGE_GONE: {
    exit: EXIT.config,
    hint: 'Run `gondolin lock` for the versions of today, or name a `snapshot:` that has the packages of the lock file.',
  },
  IMAGE_PACKAGE_UNKNOWN: {
    exit: EXIT.config,
    hint: 'Correct the package name in the packages of the image.',
  },
  IMAGE_PLATFORM_MISSING: {
    exit: EXIT.runner,
    hint: 'Use an image that supports this platform.',
  },
  IMAGE_RECIPE_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the image under images: and run the command again.',
  },
  IMAGE_REFERENCE_INVALID: {
    exit: EXIT.config,
    hint: 'Write the image as REGISTRY/NAME:TAG, oci-layout:DIRECTORY or docker-archive:FILE.',
  },
  IMAGE_REFERENCE_UNKNOWN: {
    exit: EXIT.runner,
    hint: 'Check the name and the tag; a private image may need `docker login` first.',
  },
  IMAGE_REGISTRY_CONFIG_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the file; docs/images.md describes each of its fields.',
  },
  IMAGE_REGISTRY_DENIED: {
    exit: EXIT.runner,
    hint: 'Log in to the registry with `docker login` or `podman login`, as a user who may read the image.',
  },
  IMAGE_REGISTRY_FAILED: {
    exit: EXIT.runner,
    hint: 'Run the command again: what was downloaded is kept.',
  },
  IMAGE_REGISTRY_UNREACHABLE: {
    exit: EXIT.runner,
    hint: 'Check the network and the proxy, then run the command again: what was downloaded is kept.',
  },
  IMAGE_REGISTRY_UNSET: {
    exit: EXIT.config,
    hint: 'Write the registry before the name, or set GONDOLIN_REGISTRY to the registry of names without one.',
  },
  IMAGE_REPOSITORY_INVALID: {
    exit: EXIT.runner,
    hint: 'Use another mirror: this one serves a damaged index or damaged packages.',
  },
  IMAGE_SIGNATURE_INVALID: {
    exit: EXIT.runner,
    hint: 'Use another mirror: what this one serves was not signed with the key that it names.',
  },
  IMAGE_SETUP_FAILED: {
    exit: EXIT.runner,
    hint: 'Read the output above, and correct the command; it runs as root in a VM of the image.',
  },
  IMAGE_SOURCES_MISSING: {
    exit: EXIT.config,
    hint: 'Set the mirror of the image: build.debian.mirror, or alpine.mirror.',
  },
  IMAGE_TAG_INVALID: {
    exit: EXIT.config,
    hint: 'Write NAME or NAME:VERSION, with lower-case letters, digits, dots, dashes and underscores in the name: tools:2.',
  },
  IMAGE_TAG_UNKNOWN: {
    exit: EXIT.config,
    hint: 'See the names with: gondolin images. Give one with: gondolin images tag IMAGE NAME.',
  },
  IMAGE_TOO_LARGE: {
    exit: EXIT.config,
    hint: 'Install less, or raise rootfs.sizeMb of the build configuration.',
  },
  IMAGE_TOOL_MISSING: {
    exit: EXIT.runner,
    hint: 'Install the programs named above; `gondolin doctor` lists all that are needed.',
  },
  INGRESS_BUSY: {
    exit: EXIT.runner,
    hint: 'Wait until requests of the ingress gateway have ended, or close them.',
  },
  INGRESS_HOOK_FAILED: {
    exit: EXIT.runner,
    hint: 'Fix isAllowed, onRequest or onResponse of enableIngress.',
  },
  INGRESS_LISTEN_FAILED: {
    exit: EXIT.runner,
    hint: 'Use an address of this machine such as 127.0.0.1, and a port from 1024 on, or 0 for a free one.',
  },
  INGRESS_NO_ROUTE: {
    exit: EXIT.runner,
    hint: 'Write a line such as `/ :8000` to /etc/gondolin/listeners in the guest, or call vm.setIngressRoutes().',
  },
  INGRESS_PORT_IN_USE: {
    exit: EXIT.runner,
    hint: 'End the program that listens there (`ss -ltnp` names it), or choose another port; 0 takes a free one.',
  },
  INGRESS_REFUSED: {
    exit: EXIT.policy,
    hint: 'Change isAllowed or allowWebSockets of enableIngress.',
  },
  INGRESS_REQUEST_INVALID: {
    exit: EXIT.runner,
    hint: 'Send a request with a path that starts with / and one Host field.',
  },
  INGRESS_ROUTES_INVALID: {
    exit: EXIT.config,
    hint: 'Write lines of the form `/prefix :port [strip_prefix=false]`.',
  },
  INGRESS_SERVER_FAILED: {
    exit: EXIT.runner,
    hint: 'Read the log of the server in the guest.',
  },
  INGRESS_SERVER_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Start the server in the guest, and check the port of the route.',
  },
  MACHINE_EXITED: {
    exit: EXIT.runner,
    hint: 'Read the console output above. If the guest ran out of memory, raise resources.memory.',
  },
  MACHINE_QMP_CLOSED: {
    exit: EXIT.runner,
    hint: 'See the error above for why QEMU ended or closed its monitor.',
  },
  MACHINE_QMP_FAILED: {
    exit: EXIT.runner,
    hint: 'Report this with the output of `gondolin doctor`: QEMU rejected a command.',
  },
  MACHINE_QMP_PROTOCOL: {
    exit: EXIT.runner,
    hint: 'Report this with the output of `gondolin doctor`: QEMU broke its monitor protocol, and the VM was ended.',
  },
  MACHINE_QMP_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Run fewer sandboxes at once and try again: the host may be overloaded.',
  },
  MACHINE_SPEC_INVALID: {
    exit: EXIT.config,
    hint: 'Correct resources.cpus and resources.memory.',
  },
  MACHINE_DISK_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free space below $XDG_STATE_HOME/gondolin, or write `root: memory`.',
  },
  MACHINE_STATE_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free disk space, or run with --cold to start without saved memory.',
  },
  MACHINE_START_FAILED: {
    exit: EXIT.runner,
    hint: 'Read the output of QEMU above, and run `gondolin doctor`.',
  },
  NET_AUDIT_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free disk space and run the command again.',
  },
  NET_AUDIT_UNUSABLE: {
    exit: EXIT.config,
    hint: 'Choose another file for --events or --har.',
  },
  NET_BODY_LIMIT: {
    exit: EXIT.runner,
    hint: 'Send the body without a content-encoding, or compress it less.',
  },
  NET_CA_INVALID: {
    exit: EXIT.config,
    hint: 'Pass the text of one or more PEM certificates, such as readFileSync("root.pem", "utf8").',
  },
  NET_CA_UNUSABLE: {
    exit: EXIT.runner,
    hint: 'Make that directory and the file in it owned by you and readable by you only (0700 and 0600).',
  },
  NET_CLOSED: {
    exit: EXIT.runner,
    hint: 'Do nothing: the VM has ended, or the guest closed the connection.',
  },
  NET_DIAL_FAILED: {
    exit: EXIT.runner,
    hint: 'Check that the server is running and that this host can reach it.',
  },
  NET_DIAL_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Check that this host can reach the server, and that no firewall blocks it.',
  },
  NET_HOOK_FAILED: {
    exit: EXIT.runner,
    hint: 'Fix onRequest, onRequestHead or onResponse: the cause is what it threw.',
  },
  NET_NAME_UNRESOLVED: {
    exit: EXIT.runner,
    hint: 'Check the spelling of the name, and that this host can resolve it.',
  },
  NET_PATTERN_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the entry under network:. docs/network.md describes the patterns.',
  },
  NET_PROXY_FAILED: {
    exit: EXIT.runner,
    hint: 'Check network.upstream_proxy: its address and credentials, and whether the proxy may connect there; resolve: proxy gives it names.',
  },
  NET_PROXY_INVALID: {
    exit: EXIT.config,
    hint: 'Write upstream_proxy as http://host:port, https://host:port or socks5://host:port, and credentials apart.',
  },
  NET_RESPONSE_ENCODING: {
    exit: EXIT.runner,
    hint: 'Request another content-encoding: a response that may repeat a secret must be decoded.',
  },
  NET_SECRET_INVALID: {
    exit: EXIT.config,
    hint: 'Write the secret as NAME@host1,host2, with a value on a single line.',
  },
  NET_SECRET_LEAK: {
    exit: EXIT.policy,
    hint: 'Send the secret in a header, over https, to one of its hosts, or add this host to its hosts.',
  },
  NET_SECRET_LIMIT: {
    exit: EXIT.runner,
    hint: 'Send the placeholder of a secret at most 16 times in the path and headers of a request.',
  },
  NET_SECRET_UNREADABLE: {
    exit: EXIT.config,
    hint: 'Set the variable, or fix the file or command. Run the command yourself to see its output.',
  },
  NET_SSH_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the entry of network.ssh, or the file that it names. docs/network.md describes them.',
  },
  NET_TLS_NAME_INVALID: {
    exit: EXIT.policy,
    hint: 'Connect by a host name or an address that can appear in a certificate.',
  },
  NET_UPDATE_INVALID: {
    exit: EXIT.config,
    hint: 'Correct the field that is named: the network is as it was before the update.',
  },
  NET_UPSTREAM_CLOSED: {
    exit: EXIT.runner,
    hint: 'Check the log of the server, and try the request from this host.',
  },
  NET_UPSTREAM_INVALID: {
    exit: EXIT.runner,
    hint: 'Check what the server sends: its response is not valid HTTP or exceeds a limit.',
  },
  NET_UPSTREAM_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Find out why the server takes so long.',
  },
  NET_UPSTREAM_TLS: {
    exit: EXIT.runner,
    hint: 'Add the root certificate of the server to network.ca, or fix the certificate of the server.',
  },
  NET_WEBSOCKET_INVALID: {
    exit: EXIT.runner,
    hint: 'Check the program that sent the data: only WebSocket frames may follow a WebSocket handshake.',
  },
  FILES_ABORTED: {
    exit: EXIT.interrupted,
    hint: 'Do the operation again: your signal cancelled it.',
  },
  FILES_BAD_ARCHIVE: {
    exit: EXIT.runner,
    hint: 'Make the archive with tar, uncompressed (gunzip -c FILE | …), and with paths below its top.',
  },
  FILES_CHANGED: {
    exit: EXIT.runner,
    hint: 'Copy the file while no program is writing to it.',
  },
  FILES_COPY_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the path on this host, its permissions and the free space. A copy follows no symbolic link of the target.',
  },
  FILES_ENDED: {
    exit: EXIT.runner,
    hint: 'Do the operation again: it starts a new files process. If that ends too, give the VM more memory.',
  },
  FILES_FAILED: {
    exit: EXIT.runner,
    hint: 'Look up the error that is named above in errno(3).',
  },
  FILES_TOO_LARGE: {
    exit: EXIT.runner,
    hint: 'Use createReadStream() or open(), or raise maxBytes.',
  },
  PROTOCOL_TEXT_HAS_NUL: {
    exit: EXIT.runner,
    hint: 'Remove the NUL character from the command, its environment, user or directory.',
  },
  FUNCTIONS_BUSY: {
    exit: EXIT.runner,
    hint: 'Call it again later, or raise --sandboxes of `gondolin serve`.',
  },
  GUEST_PROTOCOL: {
    exit: EXIT.runner,
    hint: 'Treat the code that ran in the VM as hostile. The VM was reset; the host is unharmed.',
  },
  MUX_CLOSED: {
    exit: EXIT.runner,
    hint: 'Check the VM console for why the VM ended, and start it again.',
  },
  MUX_STREAM_RESET: {
    exit: EXIT.runner,
    hint: 'Expect this when the process in the guest exits or closes its input early.',
  },
  MUX_STREAM_LIMIT: {
    exit: EXIT.runner,
    hint: 'Wait for running commands to finish before you start more in the same VM.',
  },
  MUX_MESSAGE_TOO_LARGE: {
    exit: EXIT.runner,
    hint: 'Report this as a bug: the size of a request was not checked.',
  },
  MUX_HANDLER_FAILED: {
    exit: EXIT.runner,
    hint: 'Report this as a bug, with the stack of its cause.',
  },
  AGENT_VERSION: {
    exit: EXIT.runner,
    hint: 'Run `gondolin prune` and then the command again, to rebuild the image with this version of gondolin.',
  },
  AGENT_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Check that the host is not overloaded, and check the VM console.',
  },
  AGENT_REQUEST_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the errno and the stage named above, and the VM console.',
  },
  AGENT_REQUEST_TOO_LARGE: {
    exit: EXIT.runner,
    hint: 'Pass less in argv and env: write large data to standard input or to a file.',
  },
  AGENT_EXEC_NOT_FOUND: {
    exit: EXIT.notFound,
    hint: 'Check the name and PATH, or add the package to the image.',
  },
  AGENT_EXEC_NOT_EXECUTABLE: {
    exit: EXIT.notExecutable,
    hint: 'Set the execute bit, and check the first line of the file and its architecture.',
  },
  AGENT_EXEC_BAD_USER: {
    exit: EXIT.runner,
    hint: "Use a user in the image's /etc/passwd, or a numeric UID[:GID].",
  },
  AGENT_EXEC_BAD_CWD: {
    exit: EXIT.runner,
    hint: 'Use a directory that is in the image or in a mount and that the user may enter.',
  },
  CLI_FILE_EXISTS: {
    exit: EXIT.config,
    hint: 'Keep the file, or overwrite it with --force.',
  },
  CLI_INTERRUPTED: {
    exit: EXIT.interrupted,
    hint: 'Run the command again when you are ready: nothing was left behind.',
  },
  CLI_OUTPUT_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the disk, or the program that reads the output.',
  },
  CLI_TERMINATED: {
    exit: EXIT.terminated,
    hint: 'Run the command again when you are ready: nothing was left behind.',
  },
  CLI_USAGE: {
    exit: EXIT.config,
    hint: 'Run `gondolin --help` or `gondolin COMMAND --help`.',
  },
  POOL_CLOSED: {
    exit: EXIT.runner,
    hint: 'Acquire VMs or sandboxes before the pool is closed, or create another pool.',
  },
  POOL_EXHAUSTED: {
    exit: EXIT.runner,
    hint: 'Close VMs or sandboxes that are no longer needed, or raise `maxVms`, `maxSandboxes` or `acquireTimeoutMs` of the pool.',
  },
  PROJECT_ARTIFACTS_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free disk space, and that artifacts: of the sandbox matches only what is needed.',
  },
  PROJECT_CA_INVALID: {
    exit: EXIT.config,
    hint: 'Set network.ca to readable files with one or more PEM certificates each.',
  },
  PROJECT_CODE_WRITABLE: {
    exit: EXIT.config,
    hint: 'Keep code that the host runs out of read-write volumes: mount fewer directories, mount them read-only, or move the file. Set on_writable_code: warn to accept the risk.',
  },
  PROJECT_DEPENDENCY_FAILED: {
    exit: EXIT.runner,
    hint: 'Look at what happened to the sandbox that it depends on.',
  },
  PROJECT_INPUT_LIMIT: {
    exit: EXIT.config,
    hint: 'List fewer files, or exclude directories with a line such as "!node_modules/**".',
  },
  PROJECT_INPUT_MISSING: {
    exit: EXIT.config,
    hint: 'Correct the path or glob in inputs:. Relative paths start at the directory of the project file that contains them.',
  },
  PROJECT_INPUT_UNREADABLE: {
    exit: EXIT.config,
    hint: 'Make the file readable and make sure nothing writes to it, or remove it from inputs:.',
  },
  PROJECT_KILL_FAILED: {
    exit: EXIT.runner,
    hint: 'Give the sandbox more CPUs; if it happens again, report it with the output of `--debug`. The sandbox was ended.',
  },
  PROJECT_NETWORK_BLOCKED: {
    exit: EXIT.policy,
    hint: 'See above for what was blocked and how to allow it, or set network.on_blocked: warn to let such a run succeed.',
  },
  PROJECT_OUTPUT_INVALID: {
    exit: EXIT.runner,
    hint: 'Append lines NAME=value to the file, or NAME<<END, the value and END; docs/outputs.md has the limits.',
  },
  PROJECT_OUTPUT_MISSING: {
    exit: EXIT.runner,
    hint: 'Write the output in that step: echo "NAME=value" >> "$GONDOLIN_OUTPUT". Or give a value for its absence: NAME:-value.',
  },
  PROJECT_OUTPUT_UNSAFE: {
    exit: EXIT.config,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the project file's own syntax
    hint: 'Pass it by a variable, which no shell reads as code: env: { VALUE: "${steps.…}" }, and "$VALUE" in the command.',
  },
  PROJECT_OVERLAY_ATTRIBUTES: {
    exit: EXIT.config,
    hint: 'Move the directory to a file system that has them, or take the files without them by gondolin apply --force.',
  },
  PROJECT_OVERLAY_CONFLICT: {
    exit: EXIT.config,
    hint: 'Look at them with gondolin diff --patch; gondolin apply --force takes the files of the guest.',
  },
  PROJECT_OVERLAY_DAMAGED: {
    exit: EXIT.runner,
    hint: 'Forget them with gondolin diff --discard, and run the sandbox again.',
  },
  PROJECT_OVERLAY_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Run the sandbox first: what it changes in an overlay is kept when its VM ends.',
  },
  PROJECT_POLICY_SCRIPT_INVALID: {
    exit: EXIT.config,
    hint: 'Export onRequest, onRequestHead or onResponse from a module that loads on its own.',
  },
  PROJECT_NOT_RUNNING: {
    exit: EXIT.config,
    hint: 'Start it with `gondolin up -d`.',
  },
  PROJECT_PROCESS_FAILED: {
    exit: EXIT.runner,
    hint: 'Run `gondolin up` without -d to see it start.',
  },
  PROJECT_RUNNING: {
    exit: EXIT.config,
    hint: 'Wait for it, or end it with `gondolin down`.',
  },
  PROJECT_SANDBOX_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'List the sandboxes of the running project with `gondolin ps`.',
  },
  PROJECT_SANDBOX_TIMEOUT: {
    exit: EXIT.timeout,
    hint: 'Raise `resources.timeout` of the sandbox, or shorten its steps.',
  },
  PROJECT_SERVICE_UNHEALTHY: {
    exit: EXIT.runner,
    hint: 'Run the check in the guest, or raise `retries` or `start_period` of `healthcheck`.',
  },
  PROJECT_START_FAILED: {
    exit: EXIT.runner,
    hint: 'Look at `gondolin ps` and `gondolin logs`; the other sandboxes continue.',
  },
  PROJECT_VM_ENDED: {
    exit: EXIT.runner,
    hint: 'Look for a step that powers off the guest or kills its process 1.',
  },
  PROJECT_VOLUME_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'See `gondolin volumes` for the names.',
  },
  PROJECT_WAIT_TIMEOUT: {
    exit: EXIT.timeout,
    hint: 'Look at `gondolin ps` and `gondolin logs`, or raise --wait-timeout.',
  },
  REPORT_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the free disk space, and run again for the report.',
  },
  REPORT_MERGE_REFUSED: {
    exit: EXIT.config,
    hint: 'Give one record for each shard of one run: all with the same --shard count, project file and --durations.',
  },
  REPORT_RECORD_INVALID: {
    exit: EXIT.config,
    hint: 'Give the file that `gondolin run --record FILE` of this version wrote.',
  },
  REPORT_UNUSABLE: {
    exit: EXIT.config,
    hint: 'Create the directory of the report, or choose another file.',
  },
  SESSION_COMMAND_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Use the number that `gondolin exec -d` printed. Of commands that have ended, the latest are kept.',
  },
  SESSION_FAILED: {
    exit: EXIT.runner,
    hint: 'List the running VMs with `gondolin list` and run the command again.',
  },
  SESSION_LIMIT: {
    exit: EXIT.runner,
    hint: 'Wait for other commands in that VM to end, or stop some.',
  },
  SESSION_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'List the running VMs with `gondolin list`.',
  },
  SESSION_STARTING: {
    exit: EXIT.runner,
    hint: 'Run the command again when `gondolin list` shows the VM as running.',
  },
  SESSION_UNSUPPORTED: {
    exit: EXIT.config,
    hint: 'Use the methods of the VM in the program that owns it.',
  },
  SESSION_PORT_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Add the port to ports: of the sandbox; `gondolin port` lists the ports that are reachable.',
  },
  SHARD_DURATIONS_INVALID: {
    exit: EXIT.config,
    hint: 'Give the file that `gondolin run --record FILE` or `gondolin merge --record FILE` wrote, or leave --durations out.',
  },
  SNAPSHOT_EXISTS: {
    exit: EXIT.config,
    hint: 'Choose another name, or replace it with --force.',
  },
  SNAPSHOT_NAME_INVALID: {
    exit: EXIT.config,
    hint: 'Use 1 to 63 lowercase letters, digits, _ and -, starting with a letter or digit.',
  },
  SNAPSHOT_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'List the snapshots with `gondolin images`.',
  },
  SNAPSHOT_REFUSED: {
    exit: EXIT.runner,
    hint: 'Delete it with `gondolin prune`, or run with --cold.',
  },
  SNAPSHOT_UNSUPPORTED: {
    exit: EXIT.runner,
    hint: 'Use another provider for the mount, or run without saving.',
  },
  SSH_LISTEN_FAILED: {
    exit: EXIT.runner,
    hint: 'Choose another port, or leave it out: then a free one is taken.',
  },
  VFS_MOUNT_FAILED: {
    exit: EXIT.config,
    hint: 'Check that the host path of the volume exists and that you may read it.',
  },
  VM_BAD_OPTION: {
    exit: EXIT.config,
    hint: 'Correct the option. docs/sdk.md lists the values of each one.',
  },
  VM_BOOT_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Read the console output above. On a loaded host without KVM, run fewer VMs at once.',
  },
  VM_CONNECT_ABORTED: {
    exit: EXIT.interrupted,
    hint: 'Connect again.',
  },
  VM_CONNECT_REFUSED: {
    exit: EXIT.runner,
    hint: 'Start the server in the guest, and connect once it listens on this port.',
  },
  VM_CONNECT_TIMEOUT: {
    exit: EXIT.runner,
    hint: 'Check that the server in the guest accepts connections: its backlog is full, or a firewall drops them.',
  },
  VM_CONNECT_UNREACHABLE: {
    exit: EXIT.runner,
    hint: 'Leave the host out to try every address of the guest, or name one that `ip addr` shows in it.',
  },
  VM_DISK_IN_USE: {
    exit: EXIT.runner,
    hint: 'Wait until the other VM has ended (`gondolin list`), or give this one a disk of its own.',
  },
  VM_DISK_UNUSABLE: {
    exit: EXIT.config,
    hint: 'Check the path and its owner; remove the file to get an empty disk.',
  },
  VM_EXEC_ABORTED: {
    exit: EXIT.interrupted,
    hint: 'Run the command again: your signal cancelled it.',
  },
  VM_EXEC_TIMEOUT: {
    exit: EXIT.timeout,
    hint: 'Raise the timeout, or find out why the command takes so long.',
  },
  VM_INPUT_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the cause: the stream passed as stdin failed.',
  },
  VM_KILL_FAILED: {
    exit: EXIT.runner,
    hint: 'Give the VM more CPUs; if it happens again, do not trust the code that ran in it. The VM was ended.',
  },
  VM_NO_MEMORY: {
    exit: EXIT.runner,
    hint: 'Close VMs, or lower `memory`, `size` of the pool or `count` of the fork. A pool with `maxVms` may have more than fit.',
  },
  VM_NO_NETWORK: {
    exit: EXIT.config,
    hint: 'Create the VM with network: { policy: {} }, which allows nothing until an update does.',
  },
  VM_NOT_RUNNING: {
    exit: EXIT.runner,
    hint: 'Create a new VM: this one has been closed.',
  },
  VM_OUTPUT_FAILED: {
    exit: EXIT.runner,
    hint: 'Check the cause: the stream passed as stdout or stderr failed.',
  },
  VM_OUTPUT_NOT_JSON: {
    exit: EXIT.runner,
    hint: 'Check stdout, stderr and exitCode of the result.',
  },
  VM_OUTPUT_TOO_LARGE: {
    exit: EXIT.runner,
    hint: "Stream the output with stdout: 'pipe', or raise maxOutputBytes.",
  },
  VM_START_ABORTED: {
    exit: EXIT.interrupted,
    hint: 'Create the VM again: your signal cancelled the start.',
  },
  WATCH_FAILED: {
    exit: EXIT.runner,
    hint: 'Ignore large directories with `watch.ignore`, or name smaller ones in `watch.rules`.',
  },
  WATCH_POLICY_WIDENED: {
    exit: EXIT.policy,
    hint: 'Start `gondolin watch` again to use it, or run it on a terminal, where it asks.',
  },
  ...FILE_CODES,
} as const satisfies Record<string, { exit: number; hint: string }>;

/**
 * The closed union of error codes; match on this, never on a message.
 *
 * @example
 * const limits: readonly ErrorCode[] = ['VM_EXEC_TIMEOUT', 'VM_OUTPUT_TOO_LARGE'];
 * const isLimit = (error: unknown) => GondolinError.is(error) && limits.includes(error.code);
 */
export type ErrorCode = keyof typeof CODES;
