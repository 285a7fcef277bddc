import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { makeSmallImage } from '../../fixtures/small-image.ts';

it('gondolin build --init-config prints a configuration that it accepts', async () => {
  const cwd = directoryWith();
  const { code, stdout } = await runCli(['build', '--init-config'], { cwd });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    distro: 'debian',
    rootfs: { label: 'gondolin-root' },
  });
  writeFileSync(join(cwd, 'c.json'), stdout);
  writeFileSync(join(cwd, 'occupied'), '');
  // The configuration is read first.
  const built = await runCli(['build', '--config', 'c.json', '--output', 'occupied'], { cwd });
  expect(built).toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining('IMAGE_OUTPUT_OCCUPIED') },
  });
});

it('gondolin build --verify reads every file of an image', async () => {
  const cwd = directoryWith();
  const path = join(cwd, 'image');
  makeSmallImage(path);
  const good = await runCli(['build', '--verify', 'image'], { cwd });
  expect(good, good.all).toMatchObject({ code: 0, stderr: '' });
  expect(good.stdout.match(/ ok$/gm)).toHaveLength(3);
  expect(await runCli(['build', '-q', '--verify', 'image'], { cwd })).toMatchObject({
    ...{ code: 0, stdout: '' },
  });
  writeFileSync(join(path, 'vmlinux'), 'Kernel');
  rmSync(join(path, 'modules.cpio'));
  const bad = await runCli(['build', '--verify', 'image'], { cwd });
  expect(bad).toMatchObject({ code: 125, stderr: expect.stringContaining('IMAGE_INVALID') });
  expect(bad.stderr).toContain('modules.cpio: it is missing');
  expect(bad.stdout).toMatch(/rootfs\.squashfs .* ok\n/);
  expect(await runCli(['build', '--verify', 'none'], { cwd })).toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining('Guest image not found at: ') },
  });
});

it('gondolin build shows the mistakes of its configuration with their lines', async () => {
  const cwd = directoryWith();
  writeFileSync(join(cwd, 'c.json'), '{\n  "distro": "debian",\n  "debiann": {}\n}\n');
  const { code, stderr } = await runCli(['build', '--config', 'c.json', '--output', 'x'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(/c\.json:3:3/);
  expect(stderr).toContain('Did you mean "debian"?');
});

it('gondolin build refuses what it cannot do before it does anything', async () => {
  const cwd = directoryWith();
  const alpine = { distro: 'alpine', alpine: { version: '3.23.0' } };
  writeFileSync(join(cwd, 'alpine.json'), JSON.stringify(alpine));
  const cases = [
    [[], 'want one of --output DIR (or --tag NAME, or both), --init-config and --verify DIR'],
    [['--output', 'x', '--init-config'], 'want one of'],
    [['--tag', 'Not/A/Name'], 'IMAGE_TAG_INVALID'],
    [['--output', 'x', '--arch', 'arm'], 'want x86_64 or aarch64'],
    [['--output', 'x', '--config', 'none.json'], 'gondolin build --init-config'],
    [['--output', 'x', '--config', 'alpine.json'], 'IMAGE_SOURCES_MISSING'],
  ] as const;
  for (const [args, text] of cases) {
    const { code, stderr } = await runCli(['build', ...args], { cwd });
    expect(code, text).toBe(2);
    expect(stderr).toContain(text);
  }
});
