import type { ControlFile } from './deb-file.ts';

/** A package whose files are unpacked and whose scripts have not run. */
export interface UnpackedPackage {
  readonly name: string;
  readonly architecture: string;
  readonly control: ReadonlyMap<string, ControlFile>;
  /** Absolute paths of all its files, in the order of its archive, also of those that are left out. */
  readonly paths: readonly string[];
  /** MD5 of each configuration file, by its path. */
  readonly digests: ReadonlyMap<string, string>;
  /** True if nobody asked for it by name: `apt autoremove` may remove it. */
  readonly isAutomatic: boolean;
}

/** A file to write, e.g. `var/lib/dpkg/status`. Text is bytes, one character each (latin1), as in archives. */
export interface DatabaseFile {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
}

const DPKG = 'var/lib/dpkg';

/**
 * Makes the files by which dpkg knows packages that it did not unpack itself, as it leaves them behind after `--unpack`.
 *
 * @see dpkg's lib/dpkg/dump.c and lib/dpkg/trigdeferred.l; deb-triggers(5), deb-conffiles(5)
 */
export function packageDatabase(packages: readonly UnpackedPackage[]): DatabaseFile[] {
  const text = (path: string, lines: readonly string[]) =>
    file(path, lines.map((line) => `${line}\n`).join(''));
  const status = packages.map((one) => `${statusStanza(one)}\n`);
  return [
    file(`${DPKG}/status`, status.join('')),
    file(`${DPKG}/info/format`, '1\n'),
    ...packages.flatMap(infoFiles),
    ...interestFiles(packages).map(([name, lines]) => text(`${DPKG}/triggers/${name}`, lines)),
    file(
      'var/lib/apt/extended_states',
      packages
        .filter((one) => one.isAutomatic)
        .map(automatic)
        .join(''),
    ),
  ];
}

function file(path: string, content: string): DatabaseFile {
  return { path, content: Buffer.from(content, 'latin1'), mode: 0o644 };
}

/** The name by which dpkg's files of a package begin. */
export function infoName({ name, architecture, control }: UnpackedPackage): string {
  const isShared = /^Multi-Arch: same$/m.test(controlText(control));
  return isShared ? `${name}:${architecture}` : name;
}

function controlText(control: UnpackedPackage['control']): string {
  return control.get('control')?.content.toString('latin1') ?? '';
}

function statusStanza({ control, digests }: UnpackedPackage): string {
  const lines = controlText(control)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const conffiles = conffileLines(control).map((line) => {
    const [path = '', flag] = line.split(' ').toReversed();
    // The file of an earlier version, which an upgrade removes.
    if (flag !== undefined) return ` ${path} newconffile ${flag}`;
    return ` ${path} ${digests.get(path) ?? 'newconffile'}`;
  });
  const [first = '', ...others] = lines;
  return [
    first,
    'Status: install ok unpacked',
    ...others,
    ...(conffiles.length === 0 ? [] : ['Conffiles:', ...conffiles]),
    '',
  ].join('\n');
}

/** Configuration files that come with a package. */
export function conffilePaths(control: UnpackedPackage['control']): string[] {
  return conffileLines(control).filter((line) => line.startsWith('/'));
}

/** A path, which a flag may precede. */
function conffileLines(control: UnpackedPackage['control']): string[] {
  const text = control.get('conffiles')?.content.toString('latin1') ?? '';
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function infoFiles(one: UnpackedPackage): DatabaseFile[] {
  const prefix = `${DPKG}/info/${infoName(one)}`;
  const members = [...one.control].filter(([name]) => name !== 'control');
  return [
    file(`${prefix}.list`, one.paths.map((path) => `${path}\n`).join('')),
    ...members.map(([name, { content, mode }]) => ({ path: `${prefix}.${name}`, content, mode })),
  ];
}

/** Which packages wait for what: `File` for paths, and a file for each other trigger. */
function interestFiles(packages: readonly UnpackedPackage[]): [name: string, lines: string[]][] {
  const byName = new Map<string, string[]>([
    ['File', []],
    ['Unincorp', []],
  ]);
  for (const { name, control } of packages) {
    const text = control.get('triggers')?.content.toString('latin1') ?? '';
    for (const line of text.split('\n')) {
      const [directive = '', trigger = ''] = line.replace(/#.*/, '').trim().split(/\s+/);
      if (!directive.startsWith('interest') || trigger === '') continue;
      const who = directive.endsWith('-noawait') ? `${name}/noawait` : name;
      const [where, entry] = trigger.startsWith('/')
        ? ['File', `${trigger} ${who}`]
        : [trigger, who];
      byName.set(where, [...(byName.get(where) ?? []), entry]);
    }
  }
  return [...byName];
}

function automatic({ name, architecture }: UnpackedPackage): string {
  return `Package: ${name}\nArchitecture: ${architecture}\nAuto-Installed: 1\n\n`;
}
