import { expect, it } from 'vitest';
import { checkSubordinateIds } from '../../../../src/image/rootfs/isolation.ts';

const GOOD = 'root:1:5\nann:100000:65536\n';

function check(subuid: string, subgid: string, userName = 'ann'): () => void {
  return () => checkSubordinateIds({ uid: 1000, userName, subuid, subgid });
}

it.each([
  ['the user has a range by name', GOOD],
  ['the user has a range by number', '1000:100000:65536'],
  ['one of several ranges is large enough', 'ann:1:1\nann:100000:131072\n'],
])('checkSubordinateIds() accepts the user when %s', (_, text) => {
  expect(check(text, text)).not.toThrow();
});

it.each([
  ['there is no file', '', ''],
  ['only users are given', GOOD, ''],
  ['only groups are given', '', GOOD],
  ["the range is another user's", 'bob:100000:65536', GOOD],
  ['the range is too small', 'ann:100000:1000', GOOD],
  ['a line is broken', 'ann:100000', GOOD],
  ['a number is no number', 'ann:x:65536', GOOD],
])(
  'checkSubordinateIds() throws IMAGE_BUILD_UNPRIVILEGED with the command to type when %s',
  (_, subuid, subgid) => {
    expect(check(subuid, subgid)).toThrow(
      expect.objectContaining({
        code: 'IMAGE_BUILD_UNPRIVILEGED',
        hint: expect.stringMatching(
          /usermod --add-subuids (?:100000-165535|165536-231071) --add-subgids/,
        ) as unknown,
      }),
    );
  },
);
