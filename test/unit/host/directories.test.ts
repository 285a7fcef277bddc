import { expect, it } from 'vitest';
import { resolveDirectories } from '../../../src/host/directories.ts';

it('resolveDirectories() falls back to the home directory when nothing is set', () => {
  expect(resolveDirectories({}, () => '/home/jo')).toEqual({
    cache: '/home/jo/.cache/gondolin',
    images: '/home/jo/.cache/gondolin/images',
    state: '/home/jo/.local/state/gondolin',
    templates: '/home/jo/.cache/gondolin/templates',
    checkpoints: '/home/jo/.cache/gondolin/checkpoints',
    sessions: '/home/jo/.local/state/gondolin/sessions',
    projects: '/home/jo/.local/state/gondolin/projects',
    snapshots: '/home/jo/.local/state/gondolin/snapshots',
    taggedImages: '/home/jo/.local/state/gondolin/tagged-images',
    volumes: '/home/jo/.local/state/gondolin/volumes',
    overlays: '/home/jo/.local/state/gondolin/overlays',
    authority: '/home/jo/.local/state/gondolin/ca',
  });
});

it('resolveDirectories() follows the XDG variables', () => {
  const env = { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' };
  expect(resolveDirectories(env, () => '/home/jo')).toMatchObject({
    cache: '/c/gondolin',
    state: '/s/gondolin',
  });
});

it.each(['', 'relative/path', './x'])(
  'resolveDirectories() ignores "%s" as the specification says',
  (value) => {
    const env = { XDG_CACHE_HOME: value, XDG_STATE_HOME: value };
    expect(resolveDirectories(env, () => '/home/jo')).toEqual(
      resolveDirectories({}, () => '/home/jo'),
    );
  },
);

it.each([
  ['', 'HOME is ""'],
  ['relative', 'HOME is "relative"'],
  [null, 'HOME is not set and the user has no home directory'],
])('resolveDirectories() refuses the home %j, unless both XDG variables say more', (home, why) => {
  const unknown = () => {
    if (home === null) throw new Error('ENOENT');
    return home;
  };
  expect(() => resolveDirectories({ XDG_CACHE_HOME: '/c' }, unknown)).toThrow(
    expect.objectContaining({
      code: 'HOST_DIRECTORY_UNUSABLE',
      message: `No home directory: ${why}`,
      hint: expect.stringContaining('HOME') as string,
    }) as Error,
  );
  const env = { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' };
  expect(resolveDirectories(env, unknown)).toMatchObject({ cache: '/c/gondolin' });
});
