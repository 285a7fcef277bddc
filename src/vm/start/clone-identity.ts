import { randomBytes, randomUUID } from 'node:crypto';
import type { CloneIdentity } from '../../protocol/host-message.ts';
import { presentTime } from '../clock-keeper.ts';
import type { VMOptions } from '../vm-options.ts';

const DEFAULT_HOSTNAME = 'gondolin';
const ENTROPY_BYTES = 256;

/** The host's time and random numbers, for a machine in which nothing reads names. */
export function createNamelessIdentity(): CloneIdentity {
  const names = { hostname: '', machineId: '', bootId: '' };
  return { ...presentTime(), ...names, entropy: randomBytes(ENTROPY_BYTES) };
}

/** Makes a new identity with the host's time: no two machines share any part of it. */
export function createCloneIdentity({ hostname = DEFAULT_HOSTNAME }: VMOptions): CloneIdentity {
  return {
    ...presentTime(),
    hostname,
    machineId: randomBytes(16).toString('hex'),
    bootId: randomUUID(),
    entropy: randomBytes(ENTROPY_BYTES),
  };
}
