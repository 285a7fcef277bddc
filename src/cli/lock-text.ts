import type { LockChange } from '../image/lock/lock-changes.ts';
import type { PackageChange, PackageSetChange } from '../image/lock/package-changes.ts';

/** The size of a lock file, and its differences from the one before. */
export interface LockSummary {
  /** Name of the file. */
  readonly file: string;
  readonly images: number;
  readonly packages: number;
  readonly changes: readonly LockChange[];
  readonly packageChanges: readonly PackageSetChange[];
}

/** Describes a lock for people: a line for each image and package that changed. */
export function describeLock(summary: LockSummary): string[] {
  const { file, images, packages, changes, packageChanges } = summary;
  const parts = [
    ...(images > 0 || packages === 0 ? [count(images, 'image')] : []),
    ...(packages > 0 ? [count(packages, 'package')] : []),
  ];
  const isSame = changes.length === 0 && packageChanges.length === 0;
  return [
    `${file}: ${parts.join(', ')}, ${isSame ? 'nothing changed' : 'changed:'}`,
    ...changes.map((change) => `  ${describeLockChange(change)}`),
    ...packageChanges.flatMap((change) => describeSet(change).map((line) => `  ${line}`)),
  ];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function describeLockChange({ reference, before, after }: LockChange): string {
  if (before === null) return `+ ${reference} ${after}`;
  if (after === null) return `- ${reference} ${before}`;
  return `~ ${reference} ${before} -> ${after}`;
}

/** All packages of a new set would say nothing: they are in the file. */
function describeSet({ set, was, packages }: PackageSetChange): string[] {
  if (was === null) return [`+ ${set}: ${count(packages.length, 'package')}`];
  if (set === null) return [`- ${was}: ${count(packages.length, 'package')}`];
  const head = was === set ? `~ ${set}` : `~ ${was} -> ${set}`;
  return [head, ...packages.map((change) => `  ${describePackage(change)}`)];
}

function describePackage({ name, before, after }: PackageChange): string {
  const [old = '', current = ''] = [before, after].map((text) => text?.split(' ', 1)[0]);
  if (before === null) return `+ ${name} ${current}`;
  if (after === null) return `- ${name} ${old}`;
  // The same version with another checksum: a mirror that rebuilds packages, or one that lies.
  return old === current ? `~ ${name} ${before} -> ${after}` : `~ ${name} ${old} -> ${current}`;
}
