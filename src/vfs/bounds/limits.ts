import { MAX_TRANSFER_BYTES, OUT_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';
import { TurnScheduler } from '../../util/turn-scheduler.ts';
import { SharedBudget } from './budget.ts';

/*
 * Limits of what guests can make this process hold for their files (docs/limits.md). Each VM always gets its
 * `guaranteed` amount, so that one guest cannot starve another.
 */

const MIB = 2 ** 20;

/**
 * Requests of one VM that are being served or whose reply is not drained. A Linux kernel sends fewer; a hostile guest waits.
 */
export const MAX_REQUESTS_UNDER_WAY = 256;

/** Largest READDIR or READDIRPLUS reply, in bytes; the kernel asks for 4 KiB and continues where a reply ends. */
export const MAX_DIRECTORY_REPLY_BYTES = 32 * 1024;

/** Bytes of requests under way, mostly the data of WRITEs. Above it the VM's channel is not read. */
export const REQUEST_BYTES = new SharedBudget({
  perVm: 8 * MIB,
  perProcess: 64 * MIB,
  guaranteed: 2 * MIB,
});

/** Bytes of READ and directory replies, from before allocation until they are drained. Above it requests wait. */
export const REPLY_BYTES = new SharedBudget({
  perVm: 8 * MIB,
  perProcess: 64 * MIB,
  guaranteed: MAX_TRANSFER_BYTES + OUT_HEADER_BYTES,
});

/** Bytes of the listings of open directories. Above it a listing fails with ENOMEM. */
export const LISTING_BYTES = new SharedBudget({
  perVm: 64 * MIB,
  perProcess: 128 * MIB,
  guaranteed: 4 * MIB,
});

/** Listings under construction, each with a descriptor of a host directory. Above it they wait. */
export const LISTINGS_AT_ONCE = new SharedBudget({ perVm: 8, perProcess: 64, guaranteed: 2 });

/** Nodes that guests hold, 730 bytes each (measured, RealFSProvider). Above it a lookup fails with ENFILE. */
export const HELD_NODES = new SharedBudget({
  perVm: 600_000,
  perProcess: 1_200_000,
  guaranteed: 100_000,
});

/** Names of watched directories that guests keep, existing or not. Above it a guest asks for more names each time. */
export const KNOWN_NAMES = new SharedBudget({
  perVm: 600_000,
  perProcess: 1_200_000,
  guaranteed: 100_000,
});

/** Directories that are watched for guests, within the half of the user's watches that the process takes. */
export const WATCHED_DIRECTORIES = new SharedBudget({
  perVm: 65_536,
  perProcess: 262_144,
  guaranteed: 1_024,
});

/** Bytes of notifications of one VM that wait for its channel. Above it they are made later, from the state at that time. */
export const MAX_NOTIFICATION_BYTES = 256 * 1024;

/** Schedules file requests of guests. A job continues in microtasks, so each turn starts only one waiting job. */
export const FILE_TURNS = new TurnScheduler({ sliceMs: 1, maxJobs: 1 });
