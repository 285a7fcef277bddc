import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { BUILT_BIN, directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';

const PROJECT = `
name: shop
sandboxes:
  db:
    steps:
      - echo hello from db > /tmp/reply
    run:
      - perl
      - -MIO::Socket::INET
      - -e
      - |
        $| = 1;
        $SIG{TERM} = sub { print "bye\\n"; exit 0 };
        $server = IO::Socket::INET->new(Listen => 5, LocalPort => 5432, ReuseAddr => 1) or die;
        print "listening\\n";
        while ($client = $server->accept) {
          $asked = <$client>;
          open $reply, "/tmp/reply";
          print $client "HTTP/1.0 200 OK\\r\\n\\r\\n", <$reply>;
          close $client;
        }
    healthcheck:
      test: [bash, -c, "echo ready > /dev/tcp/127.0.0.1/5432"]
      interval: 200ms
      retries: 100
  test:
    depends_on: { db: { condition: healthy } }
    steps:
      - name: ask
        run: [bash, -c, "exec 3<>/dev/tcp/db/5432; echo 'GET / HTTP/1.0' >&3; cat <&3"]
      - name: nothing-listens
        run: [bash, -c, "! (exec 3<>/dev/tcp/db/6000)"]
  stranger:
    steps:
      - name: cannot
        run: [bash, -c, "! (exec 3<>/dev/tcp/db/5432)"]
`;

it('a sandbox reaches a healthy service by its name, one that does not depend on it does not, and the service stops last', async () => {
  const cwd = directoryWith(PROJECT);
  const { code, stdout, all } = await runBuiltCli(['run', '--events', 'events.jsonl'], { cwd });
  expect(code, all).toBe(0);
  const lines = stdout.split('\n');
  const at = (start: string) => {
    const found = lines.findIndex((line) => line.startsWith(start));
    expect(found, `${start}\n${all}`).toBeGreaterThanOrEqual(0);
    return found;
  };
  expect(at('=> test: waits for db (healthy)')).toBeLessThan(at('=> db: service healthy after'));
  expect(at('=> db: service started')).toBeLessThan(at('[db] listening'));
  expect(at('=> db: service healthy after')).toBeLessThan(at('[test ask] hello from db'));
  expect(at('=> test nothing-listens: succeeded')).toBeLessThan(at('[db] bye'));
  expect(at('[db] bye')).toBeLessThan(at('=> db: service stopped after'));
  at('=> stranger cannot: succeeded');
  expect(all).toMatch(/stranger: blocked db/);
});

it('run SANDBOX -- CMD starts what the sandbox depends on, gives CMD alone the streams, and stops it afterwards', async () => {
  const cwd = directoryWith(PROJECT);
  const ask = "exec 3<>/dev/tcp/db/5432; echo 'GET / HTTP/1.0' >&3; cat <&3; exit 5";
  const args = ['run', 'test', '--', 'bash', '-c', ask];
  const { code, stdout, stderr, all } = await runBuiltCli(args, { cwd });
  expect(code, all).toBe(5);
  expect(stdout).toBe('HTTP/1.0 200 OK\r\n\r\nhello from db\n');
  expect(stderr).toContain('=> db: VM ready in');
  expect(all).not.toContain('stranger');
  const { stdout: left } = await runBuiltCli(['list', '--format', 'json'], { cwd });
  const ofProject = ({ project }: { project: string | null }) => project === 'shop';
  expect(JSON.parse(left).filter(ofProject)).toEqual([]);
});

it('up keeps a service that nothing needs any more, and Ctrl-C stops it with its signal and exits 130', async () => {
  const env = { ...process.env, CI: '1', NO_COLOR: '1' };
  const cwd = directoryWith(PROJECT);
  const child = spawn(process.execPath, [BUILT_BIN, 'up', 'test'], { cwd, env });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let printed = '';
  child.stderr.on('data', (chunk) => {
    printed += chunk;
  });
  child.stdout.on('data', (chunk) => {
    const before = printed;
    printed += chunk;
    const last = '=> test nothing-listens: succeeded';
    if (printed.includes(last) && !before.includes(last)) child.kill('SIGINT');
  });
  const [code] = await once(child, 'close');
  expect(code, printed).toBe(130);
  expect(printed).toContain('[test ask] hello from db');
  expect(printed.indexOf('[db] bye'), printed).toBeGreaterThan(
    printed.indexOf('=> test nothing-listens: succeeded'),
  );
  expect(printed).toContain('=> db: service stopped after');
  expect(printed).not.toContain('stranger');
});
