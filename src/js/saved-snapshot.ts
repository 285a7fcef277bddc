import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildDirectoryAtomic } from '../host/atomic-write.ts';
import { readTextFile } from '../host/read-text-file.ts';
import {
  decodeJson,
  decodeOrNull,
  dictionary,
  integer,
  list,
  literal,
  object,
  sha256,
  text,
} from '../util/json-decoder.ts';
import { writeSavedJson } from '../vm/snapshot/saved-json.ts';
import { refused } from '../vm/snapshot/saved-machine.ts';
import { invalidArgument } from './errors.ts';
import type { SandboxSizes } from './sizes.ts';

/** Increased when the file, or what the guest's processes expect of their host, changes: older snapshots are then refused. */
const VERSION = 2;
const FILE = 'functions.json';
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_NAMES = 10_000;

/** The snapshot in its guest, and the properties of its sandbox that another one must have too. */
export interface SandboxFacts {
  /** Its id in the guest. */
  readonly id: number;
  readonly sizes: Readonly<SandboxSizes>;
  /** Functions of the host that its handlers may have imported. */
  readonly hostModules: Readonly<Record<string, readonly string[]>>;
  /** Its handlers have `fetch`. */
  readonly hasNetwork: boolean;
}

export interface SavedSnapshot extends SandboxFacts {
  /** Absolute. */
  readonly directory: string;
}

const size = integer({ min: 1 });
const storedFacts = object<SandboxFacts>({
  id: integer({ min: 1, max: 2 ** 32 - 1 }),
  sizes: object<SandboxSizes>({
    heap: size,
    stack: size,
    scratch: size,
    inputBuffer: size,
    outputBuffer: size,
  }),
  hostModules: dictionary(list(text({ maxLength: 1000 }), { maxLength: MAX_NAMES })),
  hasNetwork: literal(true, false),
});
const storedVersion = object({ version: integer() });
/** `facts` is text: what its digest was computed over. */
const storedFile = object<{ version: number; sha256: string; facts: string }>({
  version: literal(VERSION),
  sha256,
  facts: text(),
});

/**
 * Writes a snapshot as a directory that appears as a whole.
 * @param saveMachine  Saves the machine into an existing, empty directory.
 * @throws {GondolinError} ERR_INVALID_ARG when the directory is not empty; what `saveMachine` throws; HOST_DIRECTORY_UNUSABLE.
 */
export async function writeSnapshot(
  directory: string,
  facts: SandboxFacts,
  saveMachine: (directory: string) => Promise<void>,
): Promise<void> {
  const taken = () => invalidArgument(`directory: ${directory} is not an empty directory`);
  // Before the work; it may still be filled meanwhile.
  if (!(await isFree(directory))) throw taken();
  const outcome = await buildDirectoryAtomic(directory, async (temporary) => {
    await saveMachine(temporary);
    const json = JSON.stringify(facts);
    await writeSavedJson(temporary, FILE, { version: VERSION, sha256: digest(json), facts: json });
  });
  if (outcome === 'existed') throw taken();
}

/**
 * Reads what `writeSnapshot` wrote; the machine itself is checked when it is restored.
 * @throws {GondolinError} SNAPSHOT_REFUSED
 */
export async function readSnapshot(directory: string): Promise<SavedSnapshot> {
  const json = await readTextFile(join(directory, FILE), MAX_FILE_BYTES).catch((cause: unknown) => {
    throw refused(directory, `its file "${FILE}" cannot be read`, cause);
  });
  if (json === null) throw refused(directory, 'there is no saved snapshot of a JavaScript sandbox');
  const version = decodeOrNull(json, storedVersion)?.version ?? VERSION;
  if (version !== VERSION) throw refused(directory, 'another gondolin version saved it');
  const file = decodeJson(json, storedFile);
  if (!file.ok) throw refused(directory, `its file "${FILE}" is damaged: ${file.problem}`);
  if (digest(file.value.facts) !== file.value.sha256) {
    throw refused(directory, `its file "${FILE}" is damaged: its content has another digest`);
  }
  const facts = decodeJson(file.value.facts, storedFacts);
  if (!facts.ok) throw refused(directory, `its file "${FILE}" is damaged: ${facts.problem}`);
  return { ...facts.value, directory };
}

async function isFree(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'ENOTDIR') return false;
    throw invalidArgument(`directory: cannot be read: ${(error as Error).message}`);
  }
}

function digest(json: string): string {
  return createHash('sha256').update(json).digest('hex');
}
