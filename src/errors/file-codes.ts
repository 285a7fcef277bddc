/*
 * Codes of file operations in the guest: the names of Linux errors, as in `node:fs`, so that code for the one fits the
 * other. Decision 0020 says why they are codes here.
 */
const EXIT_RUNNER = 125;

/** Rows of the table in `codes.ts`. */
export const FILE_CODES = {
  EACCES: {
    exit: EXIT_RUNNER,
    hint: 'Check the owner and mode of the path, or use vm.filesAs() with a user that has the right.',
  },
  EAGAIN: {
    exit: EXIT_RUNNER,
    hint: 'Use a command for FIFOs and terminals: file operations do not wait for them.',
  },
  EBADF: {
    exit: EXIT_RUNNER,
    hint: 'Open the file for reading or writing, as the operation needs.',
  },
  EBUSY: {
    exit: EXIT_RUNNER,
    hint: 'Find out what uses the path in the guest: it may be a mount point.',
  },
  EDQUOT: {
    exit: EXIT_RUNNER,
    hint: 'Free space in the file system of the path.',
  },
  EEXIST: {
    exit: EXIT_RUNNER,
    hint: 'Choose another path, delete what is there, or leave out the exclusive flag.',
  },
  EFBIG: {
    exit: EXIT_RUNNER,
    hint: 'Write a smaller file: the file system of the path allows none of this size.',
  },
  EINVAL: {
    exit: EXIT_RUNNER,
    hint: 'Check the arguments: the file system of the path does not accept them.',
  },
  EIO: {
    exit: EXIT_RUNNER,
    hint: 'Look at the console of the guest, and at the provider of the mount.',
  },
  EISDIR: {
    exit: EXIT_RUNNER,
    hint: 'Name a file, or use the recursive option.',
  },
  ELOOP: {
    exit: EXIT_RUNNER,
    hint: 'Check where the symbolic links of the path lead.',
  },
  EMFILE: {
    exit: EXIT_RUNNER,
    hint: 'Close the handles and streams that you no longer need: 1,024 files can be open at once.',
  },
  EMLINK: {
    exit: EXIT_RUNNER,
    hint: 'Copy the file: it has as many links as its file system allows.',
  },
  ENAMETOOLONG: {
    exit: EXIT_RUNNER,
    hint: 'Use a path of at most 4,095 bytes and names of at most 255.',
  },
  ENODEV: {
    exit: EXIT_RUNNER,
    hint: 'Check that the path is a file and not a device without a driver.',
  },
  ENOENT: {
    exit: EXIT_RUNNER,
    hint: 'Check the path in the guest, and that its parent directory exists.',
  },
  ENOMEM: {
    exit: EXIT_RUNNER,
    hint: 'Give the VM more memory.',
  },
  ENOSPC: {
    exit: EXIT_RUNNER,
    hint: 'Give the VM more memory, or write to a mount: the root of a VM is in its memory.',
  },
  ENOTDIR: {
    exit: EXIT_RUNNER,
    hint: 'Check the path: a part of it is a file.',
  },
  ENOTEMPTY: {
    exit: EXIT_RUNNER,
    hint: 'Use recursive: true to delete a directory with its content.',
  },
  ENXIO: {
    exit: EXIT_RUNNER,
    hint: 'Use a command for sockets, FIFOs and devices.',
  },
  EOPNOTSUPP: {
    exit: EXIT_RUNNER,
    hint: 'Use another path: its file system cannot do this.',
  },
  EPERM: {
    exit: EXIT_RUNNER,
    hint: 'Use vm.filesAs() with the owner of the file or with root.',
  },
  EROFS: {
    exit: EXIT_RUNNER,
    hint: 'Write to /tmp, /run or a read-write mount.',
  },
  ESPIPE: {
    exit: EXIT_RUNNER,
    hint: 'Use a command for FIFOs and terminals: they have no positions.',
  },
  ETXTBSY: {
    exit: EXIT_RUNNER,
    hint: 'Write another file and rename it: this one is a running program.',
  },
  EXDEV: {
    exit: EXIT_RUNNER,
    hint: 'Copy the file and delete the first one: the two paths are on different file systems.',
  },
} as const satisfies Record<string, { exit: number; hint: string }>;
