import { S_IFDIR, S_IFMT } from '../file-mode.ts';
import type { Attributes } from '../provider.ts';

/** The identity of what a file of the lower layer contained at one moment. */
export interface LowerStamp {
  /** Equal for a file that has not changed. */
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** The facts of a file that a stamp is made of. */
export type StampedFacts = Pick<Attributes, 'mode' | 'sizeBytes' | 'mtimeNs' | 'ctimeNs' | 'ino'>;

/** Returns what identifies a file as it is now. Of a directory only that it is one: it changes with each name in it. */
export function stampText({ mode, sizeBytes, mtimeNs, ctimeNs, ino }: StampedFacts): string {
  const type = mode & S_IFMT;
  if (type === S_IFDIR) return 'directory';
  return `${type.toString(8)}:${ino}:${sizeBytes}:${mtimeNs}:${ctimeNs}`;
}

export function stampOf(facts: StampedFacts): LowerStamp {
  return { text: stampText(facts), atMs: Date.now() };
}

/** A stamp as it is saved. */
export function savedStamp(stamp: LowerStamp | null): string {
  return stamp === null ? '' : `${stamp.atMs}@${stamp.text}`;
}

/** Returns null for what is not the text of a stamp. */
export function readStamp(saved: string): LowerStamp | null {
  const [, atMs, text] = /^(\d{1,16})@([\w:]{1,120})$/.exec(saved) ?? [];
  return text === undefined ? null : { atMs: Number(atMs), text };
}
