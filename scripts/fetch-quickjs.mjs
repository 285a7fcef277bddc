// Downloads the source of QuickJS from the Debian mirror of this host, checked by digest: `node scripts/fetch-quickjs.mjs DIRECTORY`.
// The release that has it is newer than most hosts, so apt gets a state and sources of its own.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const RELEASE = 'trixie';
const VERSION = '2025.04.26';
const ARCHIVE = `quickjs_${VERSION}.orig.tar.xz`;
const SHA256 = 'ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const target = resolve(process.argv[2] ?? '.');
if (existsSync(join(target, 'quickjs.c'))) process.exit(0);
const work = mkdtempSync(join(tmpdir(), 'gondolin-quickjs-'));
try {
  fetchSource();
} finally {
  rmSync(work, { recursive: true, force: true });
}

function fetchSource() {
  console.log(`quickjs: downloading the source of QuickJS ${VERSION} (Debian ${RELEASE})`);
  const environment = aptEnvironment();
  run('apt-get', ['update', '-qq', '--error-on=any'], environment);
  run('apt-get', ['source', '-qq', '--download-only', `quickjs=${VERSION}-1`], environment);
  const archive = join(work, ARCHIVE);
  const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
  if (digest !== SHA256) fail(`${ARCHIVE} has the SHA-256 ${digest}, and ${SHA256} is expected`);
  mkdirSync(dirname(target), { recursive: true });
  run('tar', ['-xf', archive], process.env);
  rmSync(target, { recursive: true, force: true });
  const unpacked = join(work, `quickjs-${VERSION}`);
  // The temporary directory may be another file system.
  run('cp', ['-r', unpacked, `${target}.new`], process.env);
  renameSync(`${target}.new`, target);
}

/** Debian's mirror as the host's own apt is set up; its proxies and certificates stay in force. */
function aptEnvironment() {
  for (const name of ['lists/partial', 'archives/partial']) {
    mkdirSync(join(work, 'apt', name), { recursive: true });
  }
  writeFileSync(join(work, 'apt/status'), '');
  const signed = existsSync(KEYRING) ? ` [signed-by=${KEYRING}]` : '';
  writeFileSync(join(work, 'sources.list'), `deb-src${signed} ${findMirror()} ${RELEASE} main\n`);
  const configuration = {
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Dir::State': join(work, 'apt'),
    'Dir::State::lists': join(work, 'apt/lists'),
    'Dir::State::status': join(work, 'apt/status'),
    'Dir::Cache': join(work, 'apt'),
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
  };
  const text = Object.entries(configuration).map(([key, value]) => `${key} "${value}";\n`);
  writeFileSync(join(work, 'apt.conf'), text.join(''));
  return { ...process.env, APT_CONFIG: join(work, 'apt.conf') };
}

function findMirror() {
  const files = ['/etc/apt/sources.list'];
  const parts = '/etc/apt/sources.list.d';
  if (existsSync(parts)) files.push(...readdirSync(parts).map((name) => join(parts, name)));
  for (const file of files.filter((path) => existsSync(path))) {
    const text = readFileSync(file, 'utf8');
    const found = /^(?:URIs:|deb\s(?:\[[^\]]*\]\s+)?)\s*(\S+\/debian\/?)(?:\s|$)/m.exec(text);
    if (found !== null) return found[1];
  }
  return fail('no Debian mirror is in /etc/apt; QuickJS comes from there');
}

function run(command, args, env) {
  const { status, error } = spawnSync(command, args, { cwd: work, env, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) fail(`\`${command} ${args[0]}\` ended with ${status}`);
}

function fail(message) {
  throw new Error(`quickjs: ${message}`);
}
