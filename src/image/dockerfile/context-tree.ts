import { createHash, type Hash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerIgnore } from './docker-ignore.ts';
import { dockerfileInvalid } from './dockerfile-error.ts';
import { readDocument } from './read-document.ts';

/** The files that a build may read. */
export interface ContextTree {
  /** Paths from the context, such as `src` and `src/main.js`: what `.dockerignore` leaves, and the directories above. */
  readonly paths: ReadonlySet<string>;
  /** Over names, permissions, contents and targets of links; 64 hex digits. */
  readonly digest: string;
}

/** A build that reads nothing of the context. */
export const EMPTY_CONTEXT: ContextTree = { paths: new Set(), digest: '' };

/** More are a mistake, such as a home directory. */
const MAX_ENTRIES = 500_000;

/**
 * Reads the `.dockerignore` of a Dockerfile: that of its own, `NAME.dockerignore` beside it, or that of the context.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID when it cannot be read.
 */
async function readIgnore(dockerfile: string, context: string): Promise<DockerIgnore> {
  for (const path of [`${dockerfile}.dockerignore`, join(context, '.dockerignore')]) {
    const text = await readDocument(path);
    if (text !== null) return new DockerIgnore(text);
  }
  return new DockerIgnore('');
}

/**
 * Lists and digests what the build of a Dockerfile may read.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID naming what cannot be read.
 */
export async function readContext(
  dockerfile: string,
  context: string,
  signal: AbortSignal,
): Promise<ContextTree> {
  const ignore = await readIgnore(dockerfile, context);
  const walk = new ContextWalk(context, ignore, signal);
  try {
    await walk.directory('');
  } catch (cause) {
    signal.throwIfAborted();
    const { code, path = context } = cause as NodeJS.ErrnoException;
    if (code === undefined || code.startsWith('IMAGE_')) throw cause;
    throw dockerfileInvalid(
      dockerfile,
      null,
      `the context cannot be read at ${path}: ${code}`,
      cause,
    );
  }
  return { paths: walk.paths, digest: walk.digest() };
}

class ContextWalk {
  readonly paths = new Set<string>();
  readonly #context: string;
  readonly #ignore: DockerIgnore;
  readonly #signal: AbortSignal;
  readonly #hash: Hash = createHash('sha256');
  #seen = 0;

  constructor(context: string, ignore: DockerIgnore, signal: AbortSignal) {
    this.#context = context;
    this.#ignore = ignore;
    this.#signal = signal;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  /** @param path  Ends with a slash; empty for the context itself. */
  async directory(path: string): Promise<void> {
    for (const name of (await readdir(join(this.#context, path))).toSorted()) {
      this.#signal.throwIfAborted();
      this.#seen += 1;
      if (this.#seen > MAX_ENTRIES) {
        const problem = `it has more than ${MAX_ENTRIES} files: name a smaller context, or list what the build does not need in .dockerignore`;
        throw dockerfileInvalid(this.#context, null, problem);
      }
      await this.#entry(path + name);
    }
  }

  async #entry(path: string): Promise<void> {
    const stat = await lstat(join(this.#context, path));
    const isIgnored = this.#ignore.ignores(path);
    if (stat.isDirectory()) {
      if (isIgnored && !this.#ignore.hasExceptions) return;
      const before = this.paths.size;
      if (!isIgnored) await this.#add(path, stat);
      await this.directory(`${path}/`);
      if (isIgnored && this.paths.size > before) await this.#add(path, stat);
    } else if (!isIgnored) await this.#add(path, stat);
  }

  /** Sockets and the like are no part of a context. */
  async #add(path: string, stat: Stats): Promise<void> {
    const place = join(this.#context, path);
    const about = (kind: string, rest: string) =>
      this.#hash.update(JSON.stringify([kind, path, stat.mode & 0o777, rest]));
    if (stat.isDirectory()) about('directory', '');
    else if (stat.isSymbolicLink()) about('link', await readlink(place));
    else if (stat.isFile()) {
      about('file', String(stat.size));
      const stream = createReadStream(place, { signal: this.#signal });
      for await (const chunk of stream) this.#hash.update(chunk as Buffer);
    } else return;
    this.paths.add(path);
  }
}
