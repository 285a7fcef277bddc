import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { guardHostCode } from '../../../src/project/writable-code.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { runCli } from '../../fixtures/cli/run-cli.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const FACTS = { arch: 'x86_64', release: 'trixie' } as const;
const HOOK = 'export const onRequest = () => undefined;\n';

/** A directory with these files; each text is its content. */
function treeOf(files: Record<string, string>): string {
  const root = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text, { mode: 0o755 });
  }
  return root;
}

async function planOf(root: string, at = 'gondolin.yaml', env = {}) {
  const config = await loadConfig({ file: join(root, at), directory: root, env });
  return buildPlan(config, FACTS);
}

async function guard(root: string, options: { path?: string; directories?: string[] } = {}) {
  const plan = await planOf(root);
  const warnings: string[] = [];
  const [sandbox] = plan.sandboxes;
  if (sandbox === undefined) throw new Error('no sandbox');
  const guarded = await guardHostCode(plan, sandbox, {
    env: { PATH: options.path ?? '/usr/bin:/bin' },
    directories: options.directories ?? [],
    onWarning: (message) => void warnings.push(message),
  });
  return { ...guarded, warnings };
}

const SECRET = (command: string) =>
  `secrets: [{ name: T, hosts: [a.test], from: { command: ${command} } }]\n`;

describe('guardHostCode() refuses', () => {
  it.each<[string, string, Record<string, string>]>([
    [
      'a policy script in a read-write volume',
      'volumes: [".:/w"]\nnetwork: { policy_script: ./p.mjs }\n',
      { 'p.mjs': HOOK },
    ],
    [
      'a policy script that imports a module of one',
      'volumes: ["./lib:/w"]\nnetwork: { policy_script: ./policy/p.mjs }\n',
      {
        'policy/p.mjs': `import './a.mjs';\n${HOOK}`,
        'policy/a.mjs': "export * from '../lib/b.mjs'",
        'lib/b.mjs': '',
      },
    ],
    [
      'packages that a policy script could import',
      'volumes: ["./node_modules:/w"]\nnetwork: { policy_script: ./policy/p.mjs }\n',
      { 'policy/p.mjs': HOOK, 'node_modules/x/index.js': '' },
    ],
    [
      'a shell command of a secret that runs a file of one',
      `volumes: [".:/w"]\n${SECRET('"sh ./tools/token.sh | tail -1"')}`,
      { 'tools/token.sh': '' },
    ],
    [
      'a command of a secret that reads a file of one',
      `volumes: [".:/w"]\n${SECRET('[cat, token]')}`,
      { token: 'x' },
    ],
  ])('%s', async (_what, text, files) => {
    const root = treeOf({ ...files, 'gondolin.yaml': text });
    await expect(guard(root)).rejects.toMatchObject({ code: 'PROJECT_CODE_WRITABLE', exit: 2 });
  });

  it('a policy script that a link in a read-write volume leads to', async () => {
    const outside = treeOf({ 'p.mjs': HOOK });
    const text = 'volumes: ["./src:/w"]\nnetwork: { policy_script: ./src/link/p.mjs }\n';
    const root = treeOf({ 'gondolin.yaml': text, 'src/a': '' });
    symlinkSync(outside, join(root, 'src', 'link'));
    await expect(guard(root)).rejects.toMatchObject({ code: 'PROJECT_CODE_WRITABLE' });
  });

  it('code of another sandbox of the file', async () => {
    const text =
      'sandboxes:\n  a: { volumes: [".:/w"] }\n  b: { network: { policy_script: ./p.mjs } }\n';
    const root = treeOf({ 'gondolin.yaml': text, 'p.mjs': HOOK });
    await expect(guard(root)).rejects.toMatchObject({ code: 'PROJECT_CODE_WRITABLE' });
  });

  it('a program of the search path that is a link into a read-write volume', async () => {
    const bin = temporaryDirectory();
    const text = `volumes: [".:/w"]\n${SECRET('[token-tool]')}`;
    const root = treeOf({ 'gondolin.yaml': text, 'tool.sh': '' });
    symlinkSync(join(root, 'tool.sh'), join(bin, 'token-tool'));
    const refused = guard(root, { path: bin });
    await expect(refused).rejects.toMatchObject({ code: 'PROJECT_CODE_WRITABLE' });
  });

  it("gondolin's own directories below a read-write volume, and a volume below them", async () => {
    const root = treeOf({ 'gondolin.yaml': 'volumes: ["./a:/w"]\n', 'a/cache/x': '' });
    for (const directories of [[join(root, 'a', 'cache')], [root]]) {
      const refused = guard(root, { directories });
      await expect(refused).rejects.toMatchObject({ code: 'PROJECT_CODE_WRITABLE' });
    }
    expect((await guard(root, { directories: [join(root, 'b')] })).warnings).toEqual([]);
  });
});

describe('guardHostCode() lets pass', () => {
  it.each<[string, string]>([
    ['a read-only volume', 'volumes: [".:/w:ro"]\nnetwork: { policy_script: ./policy/p.mjs }\n'],
    [
      'a volume beside the code',
      'volumes: ["./src:/w"]\nnetwork: { policy_script: ./policy/p.mjs }\n',
    ],
    [
      'a command whose words name directories only',
      `volumes: [".:/w"]\n${SECRET('[cat, src, show]')}`,
    ],
  ])('%s', async (_what, text) => {
    const root = treeOf({ 'gondolin.yaml': text, 'src/a': '', 'policy/p.mjs': HOOK });
    expect((await guard(root)).warnings).toEqual([]);
  });

  it('everything with on_writable_code: warn, and says so', async () => {
    const text = 'on_writable_code: warn\nvolumes: [".:/w"]\nnetwork: { policy_script: ./p.mjs }\n';
    const root = treeOf({ 'gondolin.yaml': text, 'p.mjs': HOOK });
    const { warnings, sandbox } = await guard(root);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(join(root, 'p.mjs'));
    expect(sandbox.network.policyScript).toBe(join(root, 'p.mjs'));
  });

  it('runs a command in / and by a safe PATH where the guest can write its directory', async () => {
    const root = treeOf({
      'gondolin.yaml': `volumes: [".:/w"]\n${SECRET('[printf, x]')}`,
      'bin/x': '',
    });
    const path = `bin:${join(root, 'bin')}:/usr/bin:.`;
    const { sandbox, env } = await guard(root, { path });
    expect(sandbox.secrets[0]?.from).toMatchObject({ kind: 'command', directory: '/' });
    expect(env['PATH']).toBe('/usr/bin');
  });
});

it('buildPlan() names every file that decides about a run, of all sandboxes, also those not there yet', async () => {
  const text = [
    'include: inc.yaml',
    'images: { own: { path: ./image } }',
    'sandboxes:',
    '  a: { image: own, env_file: [.env, { path: later.env, required: false }] }',
    '  b: { network: { policy_script: ./p.mjs, ca: [ca.pem] } }',
    '  c: { secrets: [{ name: T, hosts: [a.test], from: { file: token } }] }',
  ].join('\n');
  const files = {
    'inc.yaml': 'x-a: 1\n',
    '.env': 'A=1\n',
    'p.mjs': HOOK,
    'ca.pem': '',
    token: 'x',
  };
  const root = treeOf({ ...files, 'image/manifest.json': '{}', 'gondolin.yaml': `${text}\n` });
  const { configFiles, authorityFiles } = await planOf(root);
  const names = [...configFiles, ...authorityFiles].map((path) => path.slice(root.length + 1));
  expect(names.toSorted()).toEqual(
    [
      ...['.env', 'ca.pem', 'gondolin.lock', 'gondolin.yaml', 'gondolin.yml'],
      ...[
        'image/manifest.json',
        'image/modules.cpio',
        'image/rootfs.squashfs',
        'image/vmlinux',
        'inc.yaml',
      ],
      ...['later.env', 'p.mjs', 'token'],
    ].toSorted(),
  );
  // The guards of a volume are built from all of them.
  expect(() => new RealFSProvider(root, { readonlyPaths: authorityFiles })).not.toThrow();
});

it('gondolin run refuses to start a guest that could change its policy script', async () => {
  const text = 'volumes: [".:/w"]\nnetwork: { policy_script: ./p.mjs }\nsteps: [ls]\n';
  const cwd = treeOf({ 'gondolin.yaml': text, 'p.mjs': HOOK });
  const { code, stderr } = await runCli(['run'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain('PROJECT_CODE_WRITABLE');
});
