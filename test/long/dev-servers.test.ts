import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ReadonlyProvider, RealFSProvider, VM } from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WORKLOAD_MACHINE } from '../fixtures/workload-image.ts';

/** Of this checkout: vitest brings vite, and the bundle of the CLI needs esbuild. */
const MODULES = resolve(import.meta.dirname, '../../node_modules');
const LIMIT_MS = 90_000;

let vm: VM;
let shared: string;

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), 'gondolin-dev-servers-'));
  for (const project of ['vite', 'esbuild']) {
    mkdirSync(join(shared, project));
    writeFileSync(
      join(shared, project, 'main.js'),
      `import { text } from './part.js';\nshow(text);\n`,
    );
    edit(project, 'first');
  }
  writeFileSync(
    join(shared, 'vite/index.html'),
    '<script type="module" src="/main.js"></script>\n',
  );
  vm = await VM.create({
    ...WORKLOAD_MACHINE,
    vfs: {
      mounts: {
        '/work': new RealFSProvider(shared),
        '/opt/node_modules': new ReadonlyProvider(MODULES),
        // Debian's is older than vite accepts.
        '/node': new ReadonlyProvider(process.execPath),
      },
    },
  });
});

afterAll(async () => {
  await vm.close();
  rmSync(shared, { recursive: true, force: true });
});

/** What a user of the host does in an editor. */
function edit(project: string, text: string): void {
  writeFileSync(join(shared, project, 'part.js'), `export const text = '${text} text';\n`);
}

it('a vite dev server in the guest serves what the host edits', { timeout: 280_000 }, async () => {
  const server = vm.exec(
    ['/node', '/opt/node_modules/vite/bin/vite.js', '--host', '127.0.0.1', '--port', '5173'],
    {
      ...{ cwd: '/work/vite', stdout: 'pipe' },
    },
  );
  // Not by a loop, whose end would close the server's output.
  const lines = server.lines()[Symbol.asyncIterator]();
  for (let line = ''; !line.includes('ready in'); ) {
    const next = await lines.next();
    if (next.done === true) throw new Error(`vite ended: ${(await server).stderr}`);
    line = next.value;
  }
  const served = async () => (await vm.exec('curl -sS http://127.0.0.1:5173/part.js')).stdout;
  expect(await served()).toContain('first text');
  // It answers from memory until an event of inotify tells it that the file is another one.
  edit('vite', 'second');
  await expect.poll(served, { timeout: LIMIT_MS }).toContain('second text');
  edit('vite', 'third');
  await expect.poll(served, { timeout: LIMIT_MS }).toContain('third text');
  await server.kill();
});

it('esbuild in the guest builds again after an edit of the host', {
  timeout: 280_000,
}, async () => {
  const program = '/opt/node_modules/@esbuild/linux-x64/bin/esbuild';
  const build = vm.exec(
    [program, 'main.js', '--bundle', '--outfile=built.js', '--watch=forever', '--log-level=info'],
    { cwd: '/work/esbuild', stderr: 'pipe' },
  );
  const built = () => {
    try {
      return readFileSync(join(shared, 'esbuild/built.js'), 'utf8');
    } catch {
      return '';
    }
  };
  await expect.poll(built, { timeout: LIMIT_MS }).toContain('first text');
  edit('esbuild', 'second');
  await expect.poll(built, { timeout: LIMIT_MS }).toContain('second text');
  edit('esbuild', 'third');
  await expect.poll(built, { timeout: LIMIT_MS }).toContain('third text');
  await build.kill();
});
