import { describe, expect, it } from 'vitest';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

const serviceOf = (keys: string) => readText(`run: serve\n${keys}\n`).sandboxes[0]?.service;

describe('a service', () => {
  it('has the defaults of Compose', () => {
    expect(serviceOf('healthcheck: { test: ready }')).toEqual({
      run: 'serve',
      runOutputs: null,
      restart: { when: 'no', maxRestarts: null },
      stopSignal: 'SIGTERM',
      stopGracePeriodMs: 10_000,
      healthcheck: {
        test: 'ready',
        testOutputs: null,
        intervalMs: 30_000,
        timeoutMs: 30_000,
        retries: 3,
        startPeriodMs: 0,
        startIntervalMs: 5_000,
      },
    });
  });

  it.each([
    ['restart: no', { restart: { when: 'no', maxRestarts: null } }],
    ['restart: always', { restart: { when: 'always', maxRestarts: null } }],
    ['restart: on-failure', { restart: { when: 'on-failure', maxRestarts: null } }],
    ['restart: on-failure:3', { restart: { when: 'on-failure', maxRestarts: 3 } }],
    ['stop_signal: SIGINT', { stopSignal: 'SIGINT' }],
    ['stop_grace_period: 1m30s', { stopGracePeriodMs: 90_000 }],
    ['stop_grace_period: 0s', { stopGracePeriodMs: 0 }],
  ])('%s is read', (keys, want) => {
    expect(serviceOf(keys)).toMatchObject(want);
  });

  it.each([
    ['ready --now', 'ready --now'],
    ['[ready, -q]', ['ready', '-q']],
    ['[CMD, ready, -q]', ['ready', '-q']],
    ['[CMD-SHELL, "ready || exit 1"]', 'ready || exit 1'],
  ])('a check %s runs %j', (test, want) => {
    expect(serviceOf(`healthcheck: { test: ${test} }`)?.healthcheck?.test).toEqual(want);
  });

  it('needs no run in defaults, which are for the services among the sandboxes', () => {
    const text =
      'defaults: { restart: always }\nsandboxes: { a: { run: serve }, b: { steps: [ls] } }\n';
    expect(readText(text).sandboxes.map(({ service }) => service?.restart.when)).toEqual([
      'always',
      undefined,
    ]);
  });

  it.each([
    ['run: ""', '1:6 bad_value'],
    ['run: { a: b }', '1:6 wrong_type'],
    ['run: x\nrestart: sometimes', '2:10 bad_value'],
    ['run: x\nrestart: on-failure:0', '2:10 bad_value'],
    ['run: x\nstop_signal: SIGSTOP', '2:14 bad_value'],
    ['run: x\nstop_grace_period: 999h', '2:20 bad_value'],
    ['run: x\nhealthcheck: {}', '2:14 missing_key'],
    ['run: x\nhealthcheck: { test: [CMD] }', '2:14 bad_value'],
    ['run: x\nhealthcheck: { test: a, retries: 0 }', '2:34 bad_value'],
    ['run: x\nhealthcheck: { test: a, interval: 0s }', '2:35 bad_value'],
    ['steps: [ls]\nrestart: always', '2:1 needs_run'],
    ['steps: [ls]\nhealthcheck: { test: a }', '2:1 needs_run'],
  ])('%s is a mistake', (text, issue) => {
    expect(issuesOfText(`${text}\n`)).toEqual([issue]);
  });

  it.each([
    ['run: x\nrestart: unless-stopped', '`restart: always`'],
    ['sandboxes: { a: { run: x }, b: { links: [a] } }', '`depends_on:`'],
    [
      'sandboxes: { a: { run: x }, b: { depends_on: { a: { condition: service_healthy } } } }',
      '`condition: healthy`',
    ],
    ['command: serve', '`run:`'],
  ])('%s, known from Compose, gets a hint', (text, hint) => {
    expect(errorOf(`${text}\n`)[0]?.hint).toContain(hint);
  });
});

describe('depends_on', () => {
  const dependsOn = (list: string) =>
    readText(
      `sandboxes: { db: { run: x }, job: { steps: [ls] }, web: { run: x, depends_on: ${list} } }\n`,
    ).sandboxes[2]?.dependsOn;

  it.each([
    ['[db]', [{ name: 'db', condition: 'started' }]],
    ['[job]', [{ name: 'job', condition: 'completed' }]],
    ['{ db: { condition: healthy } }', [{ name: 'db', condition: 'healthy' }]],
    [
      '{ db: , job: { condition: started } }',
      [
        { name: 'db', condition: 'started' },
        { name: 'job', condition: 'started' },
      ],
    ],
  ])('%s is read', (list, want) => {
    expect(dependsOn(list)).toEqual(want);
  });

  it.each([
    ['a: { depends_on: [bd] }, bd2: {}', '1:32 unknown_dependency', 'Did you mean "bd2"?'],
    ['a: { depends_on: [a] }', '1:32 dependency_cycle', 'Remove'],
    ['a: { depends_on: { x: {} } }', '1:33 unknown_dependency', 'Name another'],
    ['a: { depends_on: [b] }, b: { depends_on: [a] }', '1:31 dependency_cycle', 'Remove'],
    ['a: { depends_on: { b: { condition: healthy } } }, b: {}', '1:49 bad_value', 'completed'],
    ['a: { depends_on: { b: { condition: up } } }, b: {}', '1:49 bad_value', 'form'],
  ])('%s is a mistake', (sandboxes, issue, hint) => {
    const text = `sandboxes: { ${sandboxes} }\n`;
    expect(issuesOfText(text)).toEqual([issue]);
    expect(errorOf(text)[0]?.hint).toContain(hint);
  });

  it('of a matrix means each of its cells', () => {
    const text =
      'sandboxes: { t: { matrix: { node: [20, 22] }, steps: [ls] }, all: { depends_on: [t], steps: [ls] } }\n';
    expect(readText(text).sandboxes.at(-1)?.dependsOn).toMatchObject([
      { condition: 'completed' },
      { condition: 'completed' },
    ]);
  });

  it('names the whole cycle', () => {
    const text =
      'sandboxes: { a: { depends_on: [b] }, b: { depends_on: [c] }, c: { depends_on: [a] } }\n';
    expect(errorOf(text)[0]?.message).toContain('a -> b -> c -> a');
  });
});
