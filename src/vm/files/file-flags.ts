import { GondolinError } from '../../errors/gondolin-error.ts';
import { FILES_OPEN } from '../../protocol/constants.ts';

const { READ, WRITE, APPEND, CREATE, EXCLUSIVE, TRUNCATE } = FILES_OPEN;

const FLAGS = {
  r: READ,
  'r+': READ | WRITE,
  w: WRITE | CREATE | TRUNCATE,
  'w+': READ | WRITE | CREATE | TRUNCATE,
  wx: WRITE | CREATE | TRUNCATE | EXCLUSIVE,
  'wx+': READ | WRITE | CREATE | TRUNCATE | EXCLUSIVE,
  a: WRITE | APPEND | CREATE,
  'a+': READ | WRITE | APPEND | CREATE,
  ax: WRITE | APPEND | CREATE | EXCLUSIVE,
  'ax+': READ | WRITE | APPEND | CREATE | EXCLUSIVE,
} as const;

/**
 * Mode of opening a file of the guest, as in `node:fs`: `r` reads, `w` writes and empties, `a` appends; `+` does both, and
 * `x` fails with EEXIST when there is a file.
 *
 * @example
 * const flag: FileFlag = 'wx';
 * await vm.fs.writeFile('/tmp/lock', 'mine', { flag });
 */
export type FileFlag = keyof typeof FLAGS;

/** Returns the bits of `OPEN`. @throws {GondolinError} VM_BAD_OPTION for another flag. */
export function openBits(flag: FileFlag): number {
  const bits = Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined;
  if (bits !== undefined) return bits;
  const wanted = Object.keys(FLAGS).join(', ');
  throw new GondolinError(
    'VM_BAD_OPTION',
    `option flag: got ${JSON.stringify(flag)}, want ${wanted}`,
  );
}
