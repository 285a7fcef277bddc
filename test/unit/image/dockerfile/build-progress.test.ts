import { expect, it } from 'vitest';
import { BuildProgress } from '../../../../src/image/dockerfile/build-progress.ts';
import { parseDockerfile } from '../../../../src/image/dockerfile/parse-dockerfile.ts';
import type { ImageEvent } from '../../../../src/image/guest-image.ts';

const TEXT = `ARG B
FROM a:1 AS one
# a comment
RUN first \\
  && more
ENV X=1

FROM b:1
RUN second
`;

function follow(lines: readonly string[]) {
  const events: ImageEvent[] = [];
  const dockerfile = parseDockerfile(TEXT, { path: 'D', args: {}, architecture: 'amd64' });
  const progress = new BuildProgress(dockerfile, {
    ...{ path: '/p/Dockerfile', from: 0.2, to: 0.7 },
    names: new Map([['localhost/gondolin/77', 'a:1']]),
    onEvent: (event) => events.push(event),
  });
  for (const line of lines) progress.add(line);
  return { events, failure: () => progress.failure() };
}

it('BuildProgress tells the line of each instruction, with the names of the Dockerfile', () => {
  const { events } = follow([
    '[1/2] STEP 1/3: FROM localhost/gondolin/77 AS one',
    '[1/2] STEP 2/3: RUN first   && more',
    'an outputwithout an end[1/2] STEP 3/3: ENV X=1',
    '[2/2] STEP 1/2: FROM b:1',
    '[2/2] STEP 2/2: RUN second',
  ]);
  expect(events.map(({ message }) => message)).toEqual([
    'line 2: FROM a:1 AS one',
    'line 4: RUN first   && more',
    'line 6: ENV X=1',
    'line 8: FROM b:1',
    'line 9: RUN second',
  ]);
  const percents = events.map(({ fraction }) => Math.round((fraction ?? 0) * 100));
  expect(percents).toEqual([20, 30, 40, 50, 60]);
});

it('BuildProgress counts ONBUILD instructions of the base to the line of their FROM', () => {
  const { events } = follow([
    '[2/2] STEP 1/4: FROM b:1',
    '[2/2] STEP 2/4: COPY . .',
    '[2/2] STEP 3/4: RUN theirs',
    '[2/2] STEP 4/4: RUN second',
    '[9/9] STEP 1/4: RUN nowhere',
  ]);
  expect(events.map(({ phase }) => phase)).toEqual([
    'line 8',
    'line 8',
    'line 8',
    'line 9',
    'line 1',
  ]);
});

it('BuildProgress.failure() has the line, the exit code and the output of the instruction that failed', () => {
  const { failure } = follow([
    '[1/2] STEP 1/3: FROM localhost/gondolin/77 AS one',
    'before',
    '[1/2] STEP 2/3: RUN first   && more',
    'no such thing',
    'subprocess exited with status 7',
    'Error: building at STEP "RUN first   && more": while running runtime: exit status 7',
  ]);
  const error = failure();
  expect(error.code).toBe('IMAGE_DOCKERFILE_FAILED');
  expect(error.message).toBe(
    'Cannot build the image: /p/Dockerfile:4: RUN first   && more: ended with exit code 7\n  no such thing',
  );
  expect(error.details).toEqual({ path: '/p/Dockerfile', line: 4, exitCode: 7 });
});

it('BuildProgress.failure() tells the reason of other instructions, and of a builder that did not begin', () => {
  const copy = follow([
    '[2/2] STEP 2/2: COPY none /',
    'Error: building at STEP "COPY none /": no items matching glob',
  ]);
  expect(copy.failure().message).toContain('/p/Dockerfile:9: COPY none /: no items matching glob');
  const early = follow(['Error: no space left on device']).failure();
  expect(early.message).toBe('Cannot build the image: /p/Dockerfile: no space left on device');
  expect(early.details).toEqual({ path: '/p/Dockerfile', line: null, exitCode: null });
  expect(follow([]).failure().message).toContain('the builder failed');
});
