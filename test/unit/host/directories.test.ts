import { expect, it } from 'vitest';
import { resolveDirectories } from '../../../src/host/directories.ts';

it('resolveDirectories() falls back to the home directory when nothing is set', () => {
  expect(resolveDirectories({}, '/home/jo')).toEqual({
    cache: '/home/jo/.cache/gondolin',
    images: '/home/jo/.cache/gondolin/images',
    state: '/home/jo/.local/state/gondolin',
    templates: '/home/jo/.cache/gondolin/templates',
    sessions: '/home/jo/.local/state/gondolin/sessions',
  });
});

it('resolveDirectories() follows the XDG variables', () => {
  const env = { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' };
  expect(resolveDirectories(env, '/home/jo')).toMatchObject({
    cache: '/c/gondolin',
    state: '/s/gondolin',
  });
});

it.each(['', 'relative/path', './x'])(
  'resolveDirectories() ignores "%s" as the specification says',
  (value) => {
    const env = { XDG_CACHE_HOME: value, XDG_STATE_HOME: value };
    expect(resolveDirectories(env, '/home/jo')).toEqual(resolveDirectories({}, '/home/jo'));
  },
);
