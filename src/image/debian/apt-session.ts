import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GO_ARCHITECTURES } from '../oci/documents/choose-platform.ts';
import { filterThrough } from '../process/filter-tool.ts';
import { type RunToolsOptions, runTools } from '../process/run-tools.ts';
import { requireBuildTools } from '../process/tool.ts';
import { type AptSource, formatSourceList } from './apt-source.ts';

/** apt with a state of its own: it needs no root, and neither reads nor changes the host's lists. */
export interface AptSession {
  /** Fetches the package lists. Needed before the rest. */
  update(): Promise<void>;
  /** Control fields of the package's newest version, names in lower case; null when there is no such package. */
  show(packageName: string): Promise<ReadonlyMap<string, string> | null>;
  /**
   * Downloads packages as .deb files, checked by apt, into a directory.
   * @param packages  `NAME` for its newest version, or `NAME=VERSION`.
   */
  download(packages: readonly string[], directory: string): Promise<void>;
  /**
   * Finds out what an installation would bring, and installs nothing.
   * @param words  As for apt-get: names and patterns.
   * @param status  The database of what is there, as dpkg has it; empty for nothing.
   * @param onLine  Gets what apt says otherwise.
   * @returns the version of each package, by its name.
   * @throws {GondolinError} IMAGE_BUILD_FAILED.
   */
  choose(
    words: readonly string[],
    status: string,
    onLine: (line: string) => void,
  ): Promise<ReadonlyMap<string, string>>;
  /** Paths of the package lists. */
  listPaths(): Promise<string[]>;
}

export interface AptSessionOptions extends RunToolsOptions {
  readonly sources: readonly AptSource[];
  readonly arch: 'x86_64' | 'aarch64';
}

/** apt asks a mirror for one file after another: 95 packages took 5.3 s, and 2.2 s in four parts. */
const PARALLEL_DOWNLOADS = 4;
const DOWNLOADS_WORTH_A_PROCESS = 8;

const SHOW_LIMIT_BYTES = 1024 * 1024;
const CONFIG_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Makes the private state below `cwd/apt`. Mirrors are reached as the host's apt reaches them.
 *
 * @throws {GondolinError} IMAGE_TOOL_MISSING when apt is not installed. The methods throw as `runTools`.
 */
export async function openAptSession(options: AptSessionOptions): Promise<AptSession> {
  const tools = requireBuildTools(['apt-get', 'apt-cache'], 'download the kernel package');
  const base = join(options.cwd, 'apt');
  for (const name of ['lists/partial', 'archives/partial', 'log']) {
    await mkdir(join(base, name), { recursive: true });
  }
  await writeFile(join(base, 'status'), '');
  await writeFile(join(base, 'sources.list'), formatSourceList(options.sources));
  const configPath = join(base, 'apt.conf');
  const config = [
    ...privateConfiguration(base, GO_ARCHITECTURES[options.arch]),
    ...(await readAptTransport(options.signal)),
  ];
  await writeFile(configPath, `${config.join('\n')}\n`);

  const environment = { ...options.environment, APT_CONFIG: configPath };
  async function aptGet(args: readonly string[], more: Partial<RunToolsOptions> = {}) {
    const command = { name: 'apt-get', file: tools['apt-get'], args };
    await runTools([command], { ...options, ...more, environment });
  }
  return {
    update: () => aptGet(['update', '--error-on=any']),
    download: async (packages, directory) => {
      const parts = splitDownloads(packages).map((part) =>
        aptGet(['download', ...part], { cwd: directory }),
      );
      const failed = (await Promise.allSettled(parts)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
    choose: async (words, status, onLine) => {
      await writeFile(join(base, 'status'), status);
      const versions = new Map<string, string>();
      // --simulate takes four times as long, because it also puts them in order.
      const flags = ['--print-uris', '--yes', '--no-install-recommends'];
      await aptGet([...flags, 'install', ...words], {
        onLine: (line) => {
          const [name, version] = parseChosen(line) ?? [];
          if (name !== undefined && version !== undefined) versions.set(name, version);
          else onLine(line);
        },
      });
      return versions;
    },
    listPaths: async () => {
      const names = await readdir(join(base, 'lists'));
      return names
        .filter((name) => name.endsWith('_Packages'))
        .toSorted()
        .map((name) => join(base, 'lists', name));
    },
    async show(packageName) {
      const args = ['--quiet', 'show', '--no-all-versions', packageName];
      const limits = { limitBytes: SHOW_LIMIT_BYTES, environment, signal: options.signal };
      // apt-cache exits 100 for an unknown package; `pkgnames` distinguishes that from a failure.
      const names = await filterThrough(tools['apt-cache'], ['pkgnames', packageName], limits);
      if (!names.toString('utf8').split('\n').includes(packageName)) return null;
      return parseControl((await filterThrough(tools['apt-cache'], args, limits)).toString('utf8'));
    },
  };
}

/** Reads `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE HASH`; null for other lines. */
export function parseChosen(line: string): [name: string, version: string] | null {
  const [, name, version] = /^'[^']*' ([^\s_]+)_([^\s_]+)_[^\s_]+\.deb \d+ /.exec(line) ?? [];
  if (name === undefined || version === undefined) return null;
  return [name, decodeURIComponent(version)];
}

/** Packages for each of some processes, at least one. */
function splitDownloads(packages: readonly string[]): string[][] {
  const wanted = Math.ceil(packages.length / DOWNLOADS_WORTH_A_PROCESS);
  const count = Math.max(1, Math.min(PARALLEL_DOWNLOADS, wanted));
  return Array.from({ length: count }, (_, part) =>
    packages.filter((_name, index) => index % count === part),
  );
}

function privateConfiguration(base: string, architecture: string): string[] {
  return [
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    // The state is in a directory that only this user can enter, so not the user `_apt` either.
    'APT::Sandbox::User "";',
    'Acquire::Languages "none";',
    `Dir::State "${base}";`,
    `Dir::State::lists "${base}/lists";`,
    `Dir::State::status "${base}/status";`,
    `Dir::Cache "${base}";`,
    `Dir::Cache::archives "${base}/archives";`,
    `Dir::Log "${base}/log";`,
    'Dir::Etc::main "/dev/null";',
    'Dir::Etc::parts "/dev/null";',
    `Dir::Etc::sourcelist "${base}/sources.list";`,
    'Dir::Etc::sourceparts "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
    'Dir::Etc::preferences "/dev/null";',
  ];
}

/** First stanza of a control file; continuation lines are left out. */
export function parseControl(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') break;
    const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
    if (match !== null) fields.set((match[1] ?? '').toLowerCase(), match[2] ?? '');
  }
  return fields;
}

/** Returns the lines of this host's apt configuration that say how to reach its mirrors, and no others. */
export async function readAptTransport(signal: AbortSignal): Promise<string[]> {
  const tools = requireBuildTools(['apt-config'], 'read the apt configuration');
  const dump = await filterThrough(tools['apt-config'], ['dump'], {
    limitBytes: CONFIG_LIMIT_BYTES,
    signal,
  });
  return selectTransport(dump.toString('utf8'));
}

/** Proxy, certificate and timeout settings for HTTP out of `apt-config dump`. */
export function selectTransport(dump: string): string[] {
  const wanted =
    /^Acquire::(?:https?(?:::[^ ]+)?::(?:Proxy|Timeout|CaInfo|CaPath|SslCert|SslKey|Proxy-Auto-Detect)|Retries)(?:::[^ ]*)? ".+";$/i;
  return dump.split('\n').filter((line) => wanted.test(line));
}
