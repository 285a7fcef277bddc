import { expect, it } from 'vitest';
import { imageCommand } from '../../../../src/project/service/image-command.ts';

const argv = (...words: string[]) => ({ kind: 'argv', argv: words }) as const;

it.each([
  ['a list alone', argv('a', 'b'), null, argv('a', 'b')],
  [
    'a list to the entrypoint',
    argv('a'),
    { entrypoint: ['e', '-x'], cmd: ['c'] },
    argv('e', '-x', 'a'),
  ],
  ['the own arguments', argv(), { entrypoint: ['e'], cmd: ['c'] }, argv('e', 'c')],
  ['the own command', argv(), { entrypoint: [], cmd: ['c', 'd'] }, argv('c', 'd')],
  ['the entrypoint alone', argv(), { entrypoint: ['e'], cmd: [] }, argv('e')],
])('imageCommand() gives %s', (_name, command, container, want) => {
  expect(imageCommand(command, container)).toEqual(want);
});

it('imageCommand() leaves a script to the shell, and fails where there is no command', () => {
  const script = { kind: 'shell', script: 'serve' } as const;
  expect(imageCommand(script, { entrypoint: ['e'], cmd: [] })).toBe(script);
  expect(imageCommand(argv(), null)).toMatchObject({ kind: 'shell' });
});
