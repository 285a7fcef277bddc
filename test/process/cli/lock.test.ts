import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { hostPlatform } from '../../../src/host/image-environment.ts';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { FakeRegistry } from '../../fixtures/oci/fake-registry.ts';
import { makeImage } from '../../fixtures/oci/made-image.ts';
import { rawTar } from '../../fixtures/oci/raw-tar.ts';

const [old, moved, other] = ['old', 'moved', 'other'].map((name) =>
  makeImage({ layers: [rawTar({ name })] }),
) as [ReturnType<typeof makeImage>, ReturnType<typeof makeImage>, ReturnType<typeof makeImage>];

let registry: FakeRegistry;
let cwd: string;
let references: { readonly a: string; readonly b: string };
beforeEach(async () => {
  registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  references = { a: registry.push(old, '1'), b: registry.push(other, '2') };
  cwd = directoryWith(`
images: { b: { oci: "${references.b}", pull: always } }
sandboxes:
  a: { image: "${references.a}", steps: [x] }
  b: { image: b, steps: [x] }
  own: { image: "${references.a}@${old.digest}", steps: [x] }
`);
});

/** Mirrors are asked in test/long/debian-lock.test.ts, which takes minutes. */
const LOCK = ['lock', '--only', 'images'];
const DIGEST = 'a'.repeat(64);

/** Adds sets of packages to the lock, as `gondolin lock` writes them. */
function addPackages(packages: Readonly<Record<string, Readonly<Record<string, string>>>>): void {
  writeFileSync(
    join(cwd, 'gondolin.lock'),
    JSON.stringify({ ...JSON.parse(lockFile()), packages }),
  );
}

const KERNEL = { 'linux-image-6.1.0-57-cloud-amd64': `6.1.192-3 sha256:${DIGEST}` };
const { release } = hostPlatform();
const KERNEL_SET = { [`linux of debian ${release} amd64`]: KERNEL };

const lockFile = () => readFileSync(join(cwd, 'gondolin.lock'), 'utf8');
const recipes = async (...args: string[]) => {
  const { stdout, all } = await runCli(['plan', '--format', 'json', ...args], { cwd });
  const { sandboxes } = JSON.parse(stdout || `{"sandboxes": "${all}"}`);
  return sandboxes.map(({ image }: { image: { recipe: object } }) => image.recipe);
};

it('gondolin lock writes what references mean, and prints what changed', async () => {
  const first = await runCli(LOCK, { cwd });
  expect(first, first.stderr).toMatchObject({
    code: 0,
    stdout: `gondolin.lock: 2 images, changed:\n  + ${references.a} ${old.digest}\n  + ${references.b} ${other.digest}\n`,
  });
  const again = await runCli(LOCK, { cwd });
  expect(again.stdout).toBe('gondolin.lock: 2 images, nothing changed\n');
  registry.push(moved, '1');
  registry.push(moved, '2');
  const one = await runCli([...LOCK, 'a'], { cwd });
  expect(one.stdout).toContain(`  ~ ${references.a} ${old.digest} -> ${moved.digest}\n`);
  expect(JSON.parse(lockFile()).images).toEqual({
    [references.a]: { digest: moved.digest },
    [references.b]: { digest: other.digest },
  });
  writeFileSync(join(cwd, 'gondolin.yaml'), `image: "${references.b}"\nsteps: [x]\n`);
  const less = await runCli([...LOCK, '--format', 'json'], { cwd });
  expect(JSON.parse(less.stdout).changes).toEqual([
    { reference: references.a, before: moved.digest, after: null },
    { reference: references.b, before: other.digest, after: moved.digest },
  ]);
});

it('the plan has the digests of the lock, and --pull in place of pull:', async () => {
  await runCli(LOCK, { cwd });
  registry.push(moved, '1');
  addPackages(KERNEL_SET);
  expect(await recipes('--locked', '--pull', 'never')).toMatchObject([
    { source: references.a, digest: old.digest, pull: 'never', kernel: KERNEL },
    { source: references.b, digest: other.digest, pull: 'never', kernel: KERNEL },
    { digest: null, kernel: KERNEL },
  ]);
  expect(await recipes()).toMatchObject([{ pull: 'missing' }, { pull: 'always' }, {}]);
  const { code, stderr } = await runCli(['plan', '--pull', 'sometimes'], { cwd });
  expect([code, stderr]).toEqual([2, expect.stringContaining('CLI_USAGE')]);
});

it('--locked fails when an image is not in the lock, before anything is asked or started', async () => {
  const none = await runCli(['run', '--locked'], { cwd });
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('IMAGE_LOCK_OUTDATED')]);
  await runCli(LOCK, { cwd });
  const text = readFileSync(join(cwd, 'gondolin.yaml'), 'utf8');
  writeFileSync(join(cwd, 'gondolin.yaml'), text.replace(`"${references.a}",`, '"app:3",'));
  const asked = registry.requests.length;
  const withoutKernel = await runCli(['plan', '--locked'], { cwd });
  expect(withoutKernel.stderr).toMatch(/IMAGE_LOCK_OUTDATED/);
  addPackages(KERNEL_SET);
  for (const command of ['run', 'up', 'pull', 'plan']) {
    const { code, stderr } = await runCli([command, '--locked'], { cwd });
    expect([command, code]).toEqual([command, 2]);
    expect(stderr).toMatch(/IMAGE_LOCK_OUTDATED[\s\S]*app:3/);
  }
  expect(registry.requests.length).toBe(asked);
});

it.each([
  ['[', 'no JSON'],
  ['{"version": 2, "images": {}}', 'a later version'],
  ['{"version": 1, "images": {"app": {"digest": "sha256:1"}}}', 'a malformed digest'],
])('a lock file that is %j (%s) is an error that names it', async (text) => {
  writeFileSync(join(cwd, 'gondolin.lock'), text);
  for (const command of ['plan', 'lock']) {
    const { code, stderr } = await runCli([command], { cwd });
    expect([code, stderr]).toEqual([2, expect.stringContaining('IMAGE_LOCK_INVALID')]);
  }
  expect(lockFile()).toBe(text);
});

it('gondolin lock --only images leaves the packages as they are', async () => {
  await runCli(LOCK, { cwd });
  addPackages(KERNEL_SET);
  registry.push(moved, '1');
  await runCli(LOCK, { cwd });
  expect(JSON.parse(lockFile())).toMatchObject({
    images: { [references.a]: { digest: moved.digest } },
    packages: KERNEL_SET,
  });
  const { code, stderr } = await runCli(['lock', '--only', 'kernels'], { cwd });
  expect([code, stderr]).toEqual([2, expect.stringContaining('CLI_USAGE')]);
});

it('gondolin lock keeps the file when a registry fails', async () => {
  await runCli(LOCK, { cwd });
  const before = lockFile();
  registry.push(moved, '1');
  registry.fault = ({ url }, response) => {
    if (url?.endsWith('/manifests/2') !== true) return false;
    response.writeHead(403).end();
    return true;
  };
  const { code, stderr } = await runCli(LOCK, { cwd });
  expect([code, stderr]).toEqual([125, expect.stringContaining('IMAGE_REGISTRY_DENIED')]);
  expect(lockFile()).toBe(before);
});

it('references of a Dockerfile are in the lock, and --locked refuses others', async () => {
  writeFileSync(
    join(cwd, 'Dockerfile'),
    `ARG BASE=${references.a}\nFROM ${references.b} AS unused\nFROM \${BASE} AS one\nFROM one\nCOPY --from=${references.b}@${other.digest} /other /\n`,
  );
  writeFileSync(
    join(cwd, 'gondolin.yaml'),
    'images: { i: { dockerfile: ./Dockerfile } }\nimage: i\nsteps: [x]\n',
  );
  const { stdout } = await runCli(LOCK, { cwd });
  expect(stdout).toBe(`gondolin.lock: 1 image, changed:\n  + ${references.a} ${old.digest}\n`);
  const [base, added] = [{ dash: `1 sha256:${DIGEST}` }, { buildah: `2 sha256:${DIGEST}` }];
  const builder = { 'debian trixie amd64': base, 'debian trixie amd64 + buildah': added };
  addPackages(KERNEL_SET);
  const withoutBuilder = await runCli(['plan', '--locked'], { cwd });
  expect(withoutBuilder.stderr).toMatch(/IMAGE_LOCK_OUTDATED[\s\S]*packages of debian trixie/);
  addPackages({ ...KERNEL_SET, ...builder });
  const digests = { [references.a]: old.digest };
  expect(await recipes('--locked')).toMatchObject([
    { digests, kernel: KERNEL, builder: { base, added } },
  ]);
  const text = readFileSync(join(cwd, 'Dockerfile'), 'utf8');
  writeFileSync(join(cwd, 'Dockerfile'), text.replace(`BASE=${references.a}`, 'BASE=app:3'));
  const { code, stderr } = await runCli(['plan', '--locked'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(/IMAGE_LOCK_OUTDATED[\s\S]*app:3/);
  expect(await recipes()).toMatchObject([{ digests: {} }]);
});
