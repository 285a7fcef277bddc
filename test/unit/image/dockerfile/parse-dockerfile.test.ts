import { expect, it } from 'vitest';
import { neededImages, replaceWords } from '../../../../src/image/dockerfile/needed-images.ts';
import { parseDockerfile } from '../../../../src/image/dockerfile/parse-dockerfile.ts';

const parse = (text: string, args: Readonly<Record<string, string>> = {}) =>
  parseDockerfile(text, { path: '/p/Dockerfile', args, architecture: 'amd64' });

const needed = (text: string, target: string | null = null, args = {}) => {
  const { words, base, readsContext } = neededImages(parse(text, args), target, '/p/Dockerfile');
  return { words: words.map(({ name, line }) => `${line} ${name}`), base, readsContext };
};

const problemOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code} ${message}`;
  }
  return 'none';
};

it('parseDockerfile() replaces the ARGs before the first FROM, and args: win', () => {
  const text = `ARG V="3.1" D=\${V}-slim
ARG NONE
FROM --platform=$TARGETPLATFORM reg.test/\${NAME:-node}:\${D}
`;
  expect(needed(text).words).toEqual(['3 reg.test/node:3.1-slim']);
  expect(needed(text, null, { V: '4', NAME: 'x' }).words).toEqual(['3 reg.test/node:4-slim']);
  expect(needed('FROM a:$TARGETARCH').words).toEqual(['1 a:amd64']);
});

it('neededImages() follows stages by name, by number and from mounts, and leaves the others out', () => {
  const text = `FROM a:1 AS Build
COPY . .
FROM b:1 AS unused
FROM build AS test
COPY --from=0 /x /x
COPY --from=c:1 /etc/x /x
RUN --mount=type=bind,from=d:1,target=/d --mount=type=cache,target=/c true
FROM scratch AS last
COPY --from=test / /
`;
  const all = { words: ['1 a:1', '6 c:1', '7 d:1'], readsContext: true };
  expect(needed(text)).toEqual({ ...all, base: 'scratch' });
  expect(needed(text, 'test')).toEqual({ ...all, base: 'a:1' });
  expect(needed(text, 'UNUSED')).toEqual({ words: ['3 b:1'], base: 'b:1', readsContext: false });
  expect(needed(text, '2')).toEqual({ ...all, base: 'a:1' });
});

it.each([
  ['COPY of files', 'COPY a b /x/', true],
  ['COPY of a stage', 'COPY --from=0 a b', false],
  ['COPY of a heredoc', 'COPY <<A /x\nb c d\nA', false],
  ['COPY of a heredoc and a file', 'COPY <<A y /x\nb\nA', true],
  ['ADD of a URL', 'ADD https://a.test/b /b', false],
  ['ADD of a file', 'ADD a.tar /b', true],
  ['a mount without a type', 'RUN --mount=target=/src ls', true],
  ['a mount of a secret', 'RUN --mount=type=secret,id=x ls', false],
  ['a command that looks like a flag', 'RUN ls --mount=type=bind', false],
  ['the body of a heredoc', 'RUN <<E\nCOPY a b\nE', false],
])(
  'parseDockerfile() knows whether an instruction reads the context: %s',
  (_what, line, expected) => {
    expect(needed(`FROM a\n${line}\n`).readsContext).toBe(expected);
  },
);

it('replaceWords() replaces images in their places, and no line moves', () => {
  const text = `ARG B=a:1
FROM \${B} AS x
# FROM a:1
COPY --from=a:1 --chown=1:1 /p \\
  # why
  /q
RUN --mount=from=a:1,target=/m,ro <<E
FROM a:1
E
`;
  const { words } = neededImages(parse(text), null, 'p');
  expect(replaceWords(text, words, ({ name }) => `<${name}>`)).toBe(`ARG B=a:1
FROM <a:1> AS x
# FROM a:1
COPY --from=<a:1> --chown=1:1 /p \\
  # why
  /q
RUN --mount=from=<a:1>,target=/m,ro <<E
FROM a:1
E
`);
});

it.each([
  ['an unknown instruction', 'FROM a\n\nRUM ls', '/p/Dockerfile:3: unknown instruction RUM'],
  ['an instruction before FROM', 'RUN ls\nFROM a', '/p/Dockerfile:1: RUN before the first FROM'],
  ['no FROM', '# only\n', '/p/Dockerfile: it has no FROM'],
  ['FROM alone', 'FROM', '/p/Dockerfile:1: FROM without an image'],
  [
    'an ARG without a value',
    'ARG X\nFROM $X',
    '/p/Dockerfile:2: FROM $X: the variable has no value',
  ],
])('parseDockerfile() names the line of %s', (_what, text, message) => {
  expect(problemOf(() => parse(text))).toContain(`IMAGE_DOCKERFILE_INVALID ${message}`);
});

it('neededImages() names the stages that there are', () => {
  expect(problemOf(() => needed('FROM a AS b\nFROM c AS d', 'e'))).toContain(
    'no stage is called "e": it has b, d',
  );
  expect(problemOf(() => needed('FROM a', '7'))).toContain('none of its stages has a name');
});

it('parseDockerfile() ends on any text with a result or IMAGE_DOCKERFILE_INVALID', () => {
  const pieces = [
    'FROM a',
    ' ',
    '\n',
    '\\',
    '"',
    '$',
    '${',
    '}',
    '<<E',
    '--from=',
    'COPY',
    '[',
    '\r',
    '#',
  ];
  let seed = 7;
  for (let round = 0; round < 2000; round += 1) {
    let text = '';
    for (let count = 0; count < 12; count += 1) {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      text += pieces[seed % pieces.length];
    }
    const problem = problemOf(() => neededImages(parse(text), null, 'p'));
    expect(problem, JSON.stringify(text)).toMatch(/^(?:none$|IMAGE_DOCKERFILE_INVALID )/);
  }
});
