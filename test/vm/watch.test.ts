import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { directoryWith } from '../fixtures/cli/run-cli.ts';
import { WatchCli } from '../fixtures/cli/watch-cli.ts';

const SESSIONS = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gondolin/watch');

const UNIT = `
      test ! -e /root/dirt && ! grep -qs ^tail /proc/[0-9]*/cmdline && echo pristine
      touch /root/dirt
      setsid tail -f /dev/null >/dev/null 2>&1 &
      cat /root/base; cat src/a.txt
      date +%N > src/by-guest.txt`;

function projectText(rest = '', last = ''): string {
  return `
image: debian
volumes: [./src:src]
${rest}
steps:
  - name: base
    inputs: [base.txt]
    run: |
      n=0; cat /proc/sys/kernel/random/boot_id > /root/base
      setsid sh -c 'while :; do echo x >> /root/ticks; sleep 0.05; done' >/dev/null 2>&1 &
      until test -s /root/ticks; do sleep 0.05; done
  - name: unit
    run: |${UNIT}
      old=$(wc -l < /root/ticks); until test "$(wc -l < /root/ticks)" -gt "$old"; do sleep 0.05; done
      echo ticking${last}
`;
}

function start() {
  const cwd = directoryWith();
  mkdirSync(join(cwd, 'src'));
  writeFileSync(join(cwd, 'gondolin.yaml'), projectText());
  writeFileSync(join(cwd, 'base.txt'), 'base');
  writeFileSync(join(cwd, 'src/a.txt'), 'first\n');
  const old = new Date(Date.now() - 60_000);
  utimesSync(join(cwd, 'src/a.txt'), old, old);
  const watch = new WatchCli(cwd);
  onTestFinished(() => watch.kill());
  return { watch, save: (name: string, text: string) => writeFileSync(join(cwd, name), text) };
}

it('gondolin watch runs each time from the machine before the step, tests the last state, and runs once for each change', async () => {
  const { watch, save } = start();
  await watch.ended(1);
  expect(watch.lastOutput()).toMatch(/^pristine\n[0-9a-f-]{36}\nfirst\nticking\n$/);
  const [base] = /[0-9a-f-]{36}/.exec(watch.lastOutput()) ?? [];
  await watch.prepared();

  // Neither a touch, nor the same text again, nor what the guest wrote runs anything: the only change is the one below.
  save('src/a.txt', 'first\n');
  save('src/a.txt', 'second\n');
  await watch.ended(2);
  expect(watch.all('change-detected')).toMatchObject([
    { action: 'rerun', from: 'unit', paths: ['src/a.txt'], pathCount: 1 },
  ]);
  expect(watch.all('step-cached').map(({ step }) => step)).toEqual(['base']);
  // The process of the step before continues, and nothing of the last run is left.
  expect(watch.lastOutput()).toBe(`pristine\n${base}\nsecond\nticking\n`);

  // Edits faster than runs: each ends the run that it makes old, and the last one is tested.
  await watch.prepared();
  for (let n = 1; n <= 10; n += 1) {
    save('src/a.txt', `edit ${n}\n`);
    await delay(100);
  }
  await watch.until('run of the last edit', () => /^edit 10$/m.test(watch.lastOutput()));
  await watch.until('end of its run', () => watch.events.at(-1)?.type !== 'step-output');
  await watch.prepared();
  expect(watch.lastOutput()).toBe(`pristine\n${base}\nedit 10\nticking\n`);
  // A run may read the next edit already before that ends it: no change has more than one run, though.
  expect(watch.all('run-started').length).toBeLessThanOrEqual(
    watch.all('change-detected').length + 1,
  );

  // 500 files at once are one change.
  const before = watch.all('change-detected').length;
  const runs = watch.all('run-started').length;
  for (let n = 0; n < 500; n += 1) save(`src/f${n}.txt`, String(n));
  const many = await watch.nth('change-detected', before + 1);
  expect(many.pathCount).toBe(500);
  await watch.nth('run-started', runs + 1);
  await watch.prepared();
  expect(watch.all('run-started')).toHaveLength(runs + 1);

  // An input of the first step runs that one too.
  save('base.txt', 'other');
  await watch.nth('change-detected', before + 2);
  await watch.until(
    'another base',
    () => /ticking/.test(watch.lastOutput()) && !watch.lastOutput().includes(base ?? '?'),
  );
  await watch.prepared();
  expect(watch.lastOutput()).toMatch(/^pristine\n[0-9a-f-]{36}\nedit 10\nticking\n$/);

  // A project file that lets the guest do more is not used without a terminal; one that does not is.
  save('gondolin.yaml', projectText('network: { allowed_hosts: [api.github.com] }'));
  await watch.until('refusal', () =>
    watch.stderr.includes('network.allowed_hosts: api.github.com'),
  );
  expect(watch.stderr).toContain('error[WATCH_POLICY_WIDENED]');
  save('gondolin.yaml', projectText('', '; echo reloaded'));
  await watch.until('run of the other step', () => watch.lastOutput().includes('reloaded'));
  expect(watch.all('change-detected').at(-1)).toMatchObject({ action: 'reload', from: 'unit' });

  expect(await watch.interrupt()).toBe(3);
  expect(readdirSync(SESSIONS)).toEqual([]);
});

/** Prints the files of its copy whenever they are others, and how often the step before it has run in this guest. */
const SERVICE = `
image: debian
volumes:
  - { type: copy, source: ./app, target: /app, gitignore: true }
steps:
  - { name: prepare, run: 'cat /proc/sys/kernel/random/uuid > /root/prepared' }
run: |
  echo "started $(cat /root/prepared) $(test -e /root/dirt && echo dirty)"; touch /root/dirt
  before=
  while :; do
    now=$(cd /app && find . -type f | sort | xargs head -n 9)
    test "$now" = "$before" || printf '%s\\n--\\n' "$now"
    before=$now; sleep 0.1
  done
watch:
  rules:
    - { path: ./app, action: sync }
    - { path: ./server.txt, action: restart }
    - { path: ./deps.txt, action: rebuild }
`;

it('gondolin watch syncs a copy into a running service, starts the service again from the machine after its steps, and starts over', async () => {
  const cwd = directoryWith(SERVICE);
  const save = (name: string, text: string) => writeFileSync(join(cwd, name), text);
  mkdirSync(join(cwd, 'app/lib'), { recursive: true });
  save('app/a.txt', 'one\n');
  save('app/lib/b.txt', 'lib\n');
  save('app/.gitignore', '*.log\n');
  const watch = new WatchCli(cwd);
  onTestFinished(() => watch.kill());
  const printed = () =>
    watch
      .all('service-output')
      .map(({ text }) => text)
      .join('');
  const lists = () => printed().split('--\n').slice(0, -1);
  const starts = () => printed().match(/^started .*$/gm) ?? [];
  await watch.until('files of the copy', () => lists().length === 1);
  expect(lists()[0]).toContain('==> ./lib/b.txt <==\nlib');

  // Into the same guest: a change, a new file, a deletion with its directory, and nothing that the copy leaves out.
  save('app/x.log', 'log\n');
  save('app/a.txt', 'two\n');
  mkdirSync(join(cwd, 'app/new'));
  save('app/new/c.txt', 'new\n');
  rmSync(join(cwd, 'app/lib'), { recursive: true });
  await watch.until('the synced files', () => {
    const last = lists().at(-1) ?? '';
    return /two/.test(last) && /new/.test(last) && !/lib/.test(last);
  });
  expect(printed()).not.toContain('x.log');
  // The service may print a file before the CLI hears that all are there.
  await watch.until('the report', () => watch.all('files-synced').length > 0);
  expect(watch.all('run-started')).toHaveLength(1);
  expect(starts()).toHaveLength(1);

  // The synced files are others than those that the machine after the step has: it runs again, once.
  save('server.txt', '1');
  await watch.until('a second start', () => starts().length === 2);
  save('server.txt', '2');
  await watch.until('a third start', () => starts().length === 3);
  const [first, second, third] = starts().map((line) => line.split(' ')[1]);
  expect(second).not.toBe(first);
  expect(third).toBe(second);
  expect(printed()).not.toContain('dirty');
  await watch.until('files of the last start', () => /two/.test(lists().at(-1) ?? ''));

  save('deps.txt', '1');
  await watch.until('a start over', () => starts().length === 4);
  expect(starts()[3]).not.toContain(third ?? '?');
  const actions = watch.all('change-detected').map(({ action }) => action);
  expect(actions.filter((action) => action !== 'sync')).toEqual(['restart', 'restart', 'rebuild']);
  expect(await watch.interrupt()).toBe(130);
  expect(readdirSync(SESSIONS)).toEqual([]);
});
