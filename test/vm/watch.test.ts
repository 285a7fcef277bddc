import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
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
  const tested = watch.all('step-output').flatMap(({ text }) => /edit \d+/.exec(text) ?? []);
  expect(new Set(tested).size).toBe(tested.length);

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
