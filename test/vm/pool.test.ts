import { spawnSync } from 'node:child_process';
import { type AcquireOptions, MemoryProvider, VM, type VMOptions } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';
import { identifyProcess } from '../../src/host/process-life.ts';

/** All that a program could tell one VM from another by, without what must differ. */
// Kernel threads, which come and go, have no program.
const WORLD = [
  'env | sort; id; pwd; hostname; cat /etc/hosts',
  // Links of /proc are processes, also those of the kernel.
  `sort /proc/mounts; ls -ln --time-style=+ / /etc/gondolin /tmp /var/tmp /run /data | sed '/ proc$/s/ [0-9]* / /'`,
  'touch /usr/new /root/new /data/new /tmp/new 2>&1; rm -f /data/new /tmp/new',
  'n=0; for p in /proc/[0-9]*; do test -e $p/exe && n=$((n + 1)); done; echo $n; sha256sum /etc/ssl/certs/ca-certificates.crt /etc/gondolin/*',
].join('; ');

const IDENTITY = `cat /etc/machine-id /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | md5sum`;

function closed(vm: VM): VM {
  onTestFinished(() => vm.close());
  return vm;
}

async function world(vm: VM): Promise<string> {
  const { stdout } = await vm.exec(WORLD);
  return stdout;
}

it('an acquired VM is as one of VM.create(), with an identity of its own, and the pool refills behind it', async () => {
  const pool = VM.pool({ size: 2, env: { FROM: 'pool' } });
  onTestFinished(() => pool.close());
  await pool.ready();
  const own = (): AcquireOptions & VMOptions => ({
    ...{ hostname: 'acquired', cwd: '/data', network: { policy: {} } },
    vfs: { mounts: { '/data': new MemoryProvider() } },
  });
  const [first, second] = (await Promise.all([pool.acquire(own()), pool.acquire()])).map(closed);
  const created = closed(await VM.create({ ...own(), env: { FROM: 'pool' } }));
  if (first === undefined || second === undefined) throw new Error('two were acquired');
  expect(await world(first)).toBe(await world(created));
  const clock = Number((await second.exec(['date', '+%s%3N'])).stdout);
  expect(Math.abs(clock - Date.now())).toBeLessThan(2_000);
  const ids = await Promise.all(
    [first, second].map(async (vm) => (await vm.exec(IDENTITY)).stdout),
  );
  expect(new Set(ids.join('').trim().split('\n')).size).toBe(6);

  await pool.ready();
  expect(pool.idle).toBe(2);
  await expect(
    pool.acquire({ vfs: { memory: { '/tmp': { sizeBytes: 2 ** 20 } } } }),
  ).rejects.toMatchObject({
    code: 'VM_BAD_OPTION',
  });
  const abort = AbortSignal.abort();
  await expect(pool.acquire({ signal: abort })).rejects.toMatchObject({ code: 'VM_START_ABORTED' });
  expect(pool.idle).toBe(2);
  await pool.close();
  expect(pool.idle).toBe(0);
  await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' });
  expect((await second.exec('echo still here')).stdout).toBe('still here\n');
});

it('fork() gives copies that continue its processes as machines of their own, with the network that is in force', async () => {
  const vm = closed(
    await VM.create({
      network: { policy: { allowedHosts: ['api.github.com'] } },
      vfs: { mounts: { '/data': new MemoryProvider() } },
    }),
  );
  await vm.exec(
    'echo kept > /data/note; (while :; do sleep 0.1; echo >> /tmp/ticks; done) > /dev/null 2>&1 &',
  );
  await vm.network.update({ allowedHosts: ['registry.example.com'] });
  await expect(vm.fork(1)).rejects.toMatchObject({ code: 'VM_BAD_OPTION' });
  const mounts = () => ({ '/data': new MemoryProvider() });
  const copies = (await vm.fork(2, { mounts, hostname: (copy) => `copy-${copy}` })).map(closed);
  const answers = await Promise.all(
    [vm, ...copies].map(async (one, index) => {
      const { stdout } = await one.exec(
        `cat /data/note; echo ${index} > /data/note; hostname; before=$(wc -l < /tmp/ticks); sleep 0.5; test $(wc -l < /tmp/ticks) -gt $before && echo ticks`,
      );
      return stdout.split('\n');
    }),
  );
  expect(answers.map(([note, name, ticks]) => [note, name, ticks])).toEqual([
    ['kept', 'gondolin', 'ticks'],
    ['kept', 'copy-0', 'ticks'],
    ['kept', 'copy-1', 'ticks'],
  ]);
  expect(await vm.fs.readFile('/data/note', 'utf8')).toBe('0\n');
  const ids = await Promise.all(
    [vm, ...copies].map(async (one) => (await one.exec(IDENTITY)).stdout),
  );
  expect(new Set(ids.join('').trim().split('\n')).size).toBe(9);
  expect(copies.map((copy) => copy.network.policy.allowedHosts)).toEqual([
    ['registry.example.com'],
    ['registry.example.com'],
  ]);
});

it('a pool with a network gives each VM that of its own, and neither keeps Node running nor outlives it', async () => {
  const program = `
    import { readFileSync, readdirSync } from 'node:fs';
    import { VM } from 'gondolin';
    const children = () => readdirSync('/proc/self/task').flatMap((task) =>
      readFileSync('/proc/self/task/' + task + '/children', 'utf8').trim().split(' '));
    const closed = VM.pool({ size: 1 });
    await closed.ready();
    await closed.close();
    const pool = VM.pool({ size: 1, network: { policy: {} }, warmUp: [['/bin/true'], 'getent hosts api.github.com'] });
    const vm = await pool.acquire({ network: { policy: { allowedHosts: ['registry.example.com'] } } });
    const known = await vm.exec('getent hosts registry.example.com');
    await vm.close();
    await pool.ready();
    console.log(JSON.stringify({ known: known.exitCode, pids: children().filter((pid) => pid !== '') }));
  `;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { encoding: 'utf8', timeout: 60_000 },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const { known, pids } = JSON.parse(stdout) as { known: number; pids: string[] };
  expect(known).toBe(0);
  expect(pids.length).toBeGreaterThan(0);
  const left = () => pids.filter((pid) => identifyProcess(Number(pid)) !== null);
  // The kernel ends them with their parent; a large process takes a moment to end.
  await expect.poll(left, { timeout: 10_000 }).toEqual([]);
});
