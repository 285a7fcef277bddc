import { constants } from 'node:fs';
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

/** Returns the bits of `OPEN` for those of `fs.constants`, of which others than these mean nothing to the guest's files. */
function bitsOf(flags: number): number {
  const { O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_TRUNC } = constants;
  const has = (flag: number) => (flags & flag) !== 0;
  const access = has(O_RDWR) ? READ | WRITE : has(O_WRONLY) ? WRITE : READ;
  return (
    access |
    (has(O_APPEND) ? APPEND : 0) |
    (has(O_CREAT) ? CREATE : 0) |
    (has(O_EXCL) ? EXCLUSIVE : 0) |
    (has(O_TRUNC) ? TRUNCATE : 0)
  );
}

/**
 * Returns the bits of `OPEN`. Bits of `fs.constants` are taken too.
 * @throws {GondolinError} VM_BAD_OPTION for another flag.
 */
export function openBits(flag: FileFlag | number): number {
  if (typeof flag === 'number') return bitsOf(flag);
  const bits = Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined;
  if (bits !== undefined) return bits;
  const wanted = Object.keys(FLAGS).join(', ');
  throw new GondolinError(
    'VM_BAD_OPTION',
    `option flag: got ${JSON.stringify(flag)}, want ${wanted}`,
  );
}
