import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { boolean, decodeOrNull, integer, nullable, object, text } from '../util/json-decoder.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { type Confinement, confine, type FreeIds, LEAST_CONFINED } from './confine.ts';
import { NAMES } from './directories.ts';
import { confineProgramPath } from './package-root.ts';
import { readTextOrNull } from './tool-versions.ts';
import { qemuName, type Tool } from './tools.ts';

/** A confinement and, when it is not all there is, one line for people that says what failed. */
export interface ConfinementVerdict extends Confinement {
  /** Null when nothing is missing. */
  readonly problem: string | null;
}

export interface ConfinementOptions {
  readonly qemu: Tool;
  readonly cacheDirectory: string;
  /** False tries again (`gondolin doctor`) and replaces the remembered verdict. @default true */
  readonly useCache?: boolean;
  /** Tries one; the first line it printed when it failed. For tests. */
  readonly attempt?: (qemu: Tool, confinement: Confinement) => Promise<string | null>;
}

/**
 * Unused by every distribution, which allocate containers and users below (systemd, UIDS-GIDS). Where a user namespace has
 * no such ids, those of systemd's dynamic users.
 */
const HIGH_IDS: FreeIds = { group: 0x7000_0000, firstUser: 0x7000_0001, users: 0x0fff_fff0 };
const LOW_IDS: FreeIds = { group: 61_184, firstUser: 61_185, users: 4_334 };

/**
 * Bits of CapEff (capabilities(7)) that a parent needs over a child with other ids: CHOWN, KILL, SETGID, SETUID, and
 * SYS_PTRACE to read the guest's memory when it is saved.
 */
const CAPABILITIES_OVER_OTHERS = [0, 5, 6, 7, 19].reduce(
  (bits, bit) => bits | (1n << BigInt(bit)),
  0n,
);

const LACKS_CAPABILITIES =
  'root without one of the capabilities CHOWN, KILL, SETGID, SETUID, SYS_PTRACE keeps its ids for QEMU';

const ATTEMPT_LIMIT_MS = 5_000;
const MAX_STDERR_BYTES = 4 * 1024;

/**
 * Finds out how far QEMU can be confined here: tried once per boot of the host, QEMU file and rights of this process (about 50 ms),
 * 1 ms later.
 * @throws {GondolinError} HOST_AGENT_NOT_BUILT when the wrapper is not built; HOST_… of the cache directory.
 */
export async function chooseConfinement(options: ConfinementOptions): Promise<ConfinementVerdict> {
  const { qemu, cacheDirectory, useCache = true, attempt = tryOut } = options;
  // Each QEMU has a file of its own, so that two that are used in turn are not tried each time.
  const prefix = qemu.name === qemuName('aarch64') ? 'aarch64-' : '';
  const file = join(cacheDirectory, `${prefix}${NAMES.confinementVerdict}`);
  const key = await verdictKey(qemu);
  const known = useCache ? parseVerdict(await readTextOrNull(file), key) : null;
  if (known !== null) return known;
  const verdict = await findOut(qemu, attempt);
  await writeFileAtomic(file, `${JSON.stringify({ key, ...verdict }, null, 2)}\n`);
  return verdict;
}

async function findOut(
  qemu: Tool,
  attempt: NonNullable<ConfinementOptions['attempt']>,
): Promise<ConfinementVerdict> {
  let problem = process.geteuid?.() === 0 && !isRootOverOthers() ? LACKS_CAPABILITIES : null;
  for (const confinement of candidates()) {
    const failure = await attempt(qemu, confinement);
    if (failure === null) return { ...confinement, problem };
    // The first one says why the best was not possible; low ids are as good as high ones.
    if (confinement.ids !== HIGH_IDS) problem ??= failure;
  }
  return { ...LEAST_CONFINED, problem };
}

/** The best first. Without a root of its own another user could not reach its files. */
function candidates(): Confinement[] {
  const ownRoot = { hasOwnRoot: true, hasLandlock: false };
  const withIds = isRootOverOthers() ? [HIGH_IDS, LOW_IDS].map((ids) => ({ ids, ...ownRoot })) : [];
  const landlocked = { ids: null, hasOwnRoot: false, hasLandlock: true };
  return [...withIds, { ids: null, ...ownRoot }, landlocked];
}

function isRootOverOthers(): boolean {
  if (process.geteuid?.() !== 0) return false;
  return (effectiveCapabilities() & CAPABILITIES_OVER_OTHERS) === CAPABILITIES_OVER_OTHERS;
}

function effectiveCapabilities(): bigint {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return BigInt(`0x${match?.[1] ?? '0'}`);
}

/** Null when QEMU starts so, else the first line it printed. */
function tryOut(qemu: Tool, confinement: Confinement): Promise<string | null> {
  const command = confine({ file: qemu.path, args: ['--version'] }, confinement);
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, command.args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {},
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), ATTEMPT_LIMIT_MS);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, MAX_STDERR_BYTES);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      const said = (stderr.split('\n', 1)[0] ?? '').trim();
      const failure = said === '' ? `QEMU ended with ${signal ?? code}` : said;
      resolve(code === 0 ? null : failure);
    });
  });
}

async function verdictKey(qemu: Tool): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
  const { mtimeMs, size } = statSync(confineProgramPath());
  const rights = `${process.geteuid?.() ?? -1}/${effectiveCapabilities().toString(16)}`;
  return [boot, qemu.path, qemu.stamp, `${mtimeMs}/${size}`, rights].join(' ');
}

const storedVerdict = object<ConfinementVerdict & { readonly key: string }>({
  key: text(),
  ids: nullable(object<FreeIds>({ group: integer(), firstUser: integer(), users: integer() })),
  hasOwnRoot: boolean,
  hasLandlock: boolean,
  problem: nullable(text()),
});

/** Null for a verdict of another key, a damaged one, and one with ids that this version does not use: it is found out again. */
function parseVerdict(json: string | null, key: string): ConfinementVerdict | null {
  const known = decodeOrNull(json, storedVerdict);
  if (known?.key !== key) return null;
  const { ids: stored, hasOwnRoot, hasLandlock, problem } = known;
  const ids = [HIGH_IDS, LOW_IDS].find(({ group }) => group === stored?.group) ?? null;
  return stored !== null && ids === null ? null : { ids, hasOwnRoot, hasLandlock, problem };
}
