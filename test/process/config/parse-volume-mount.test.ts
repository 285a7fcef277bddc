import { mkdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseVolumeMount } from '../../../src/config/parse-volume-mount.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it.each([
  ['src', '/workspace/src'],
  ['', '/workspace'],
  ['a/./b/', '/workspace/a/b'],
  ['/workspace/x', '/workspace/x'],
  ['/data', '/workspace/data'],
  ['a/../b', '/workspace/b'],
  // Traps of the original.
  ['/workspace2', '/workspace/workspace2'],
  ['/workspace/../etc', '/workspace/etc'],
  ['/../etc', '/workspace/etc'],
])('parseVolumeMount() puts guest path %j at %j', (guest, want) => {
  const host = temporaryDirectory();
  expect(parseVolumeMount(`${host}:${guest}`, '/workspace')).toEqual({
    hostPath: host,
    guestPath: want,
    readonly: false,
  });
});

it.each(['ro', 'readonly'])('parseVolumeMount() reads the option %s', (option) => {
  const host = temporaryDirectory();
  expect(parseVolumeMount(`${host}:x:${option}`, '/workspace').readonly).toBe(true);
});

it('parseVolumeMount() starts relative and empty host paths at the current directory', () => {
  expect(parseVolumeMount('./src:x', '/w').hostPath).toBe(resolve('src'));
  expect(parseVolumeMount(':x', '/w').hostPath).toBe(process.cwd());
});

it.each([
  ['one', 'expected format host:guest or host:guest:ro'],
  ['a:b:c:d', 'expected format host:guest or host:guest:ro'],
  ['', 'expected format host:guest or host:guest:ro'],
  // The host path is looked at before the option; `~` is a plain name.
  ['/no/such:b:rw', 'host path does not exist: /no/such'],
  ['~/x:b', `host path does not exist: ${resolve('~/x')}`],
  ['/:../x', 'guest path "../x" leaves the workspace'],
  ['/:b:rw', `unknown option "rw" (use 'ro' for readonly)`],
])('parseVolumeMount(%j) fails with %j', (vol, message) => {
  expect(() => parseVolumeMount(vol, '/workspace')).toThrow(
    expect.objectContaining({ code: 'CONFIG_VOLUME_INVALID', message }),
  );
});

it('parseVolumeMount() takes a host path with blanks', () => {
  const host = join(realpathSync(temporaryDirectory()), 'a b');
  mkdirSync(host);
  expect(parseVolumeMount(`${host}:x`, '/w').hostPath).toBe(host);
});
