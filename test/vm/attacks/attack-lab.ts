import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ReadonlyProvider, RealFSProvider, VM } from 'gondolin';
import type { NetworkEvent } from '../../../src/net/audit/network-event.ts';
import { SecretValue } from '../../../src/net/secret/secret-value.ts';
import { serverCa } from '../../fixtures/net/test-network.ts';
import { WORKLOAD_MACHINE } from '../../fixtures/workload-image.ts';
import type { Target } from './attack.ts';
import { type Canaries, startCanaries } from './canaries.ts';
import { answersOf } from './resolver.ts';
import { type Spies, startSpies } from './spies.ts';

/** The credential that no guest may see: with what JSON, URLs and HTML write otherwise. */
export const VALUE = 'c4n4ry+"v@lue&/<9f2b7d61e0-5a83>';

const PROGRAMS = resolve(import.meta.dirname, '../../../guest/build/test');
/** Answers where rebinding names lead to first. */
const ALLOWED_PRIVATE = '127.0.0.2';

/** One booted VM, the servers around it, and what reached them. */
export interface AttackLab {
  readonly vm: VM;
  readonly canaries: Canaries;
  readonly spies: Spies;
  readonly events: NetworkEvent[];
  /** Names that the host was asked to resolve. */
  readonly resolved: string[];
  readonly target: Target;
  /** The project directory on the host, shared with the guest at /workspace. */
  readonly project: string;
  /** What a line prints in the guest, as root, with both outputs in one. */
  run(line: string): Promise<string>;
  close(): Promise<void>;
}

async function startRebound(port: number): Promise<Server> {
  const server = createServer((_, response) => {
    response.setHeader('connection', 'close');
    response.end('first address\n');
  });
  await new Promise<void>((done) => server.listen(port, ALLOWED_PRIVATE, done));
  return server;
}

function networkOf(to: Canaries, { ports }: Spies, note: (name: string) => void) {
  const { port } = to;
  const extra = (name: string, at: number) => ({ name, address: '127.0.0.1', port: at });
  // Literals of private ranges are allowed by name, so that only the judgement of the dialled address stands before them.
  const literals = [
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
  ];
  const more = ['192.0.0.0/16', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3', '0.0.0.0/8'];
  return {
    policy: {
      mode: 'allowlist' as const,
      allowedHosts: [
        ...[...literals, ...more].map((block) => `${block}:${port}`),
        `[::/0]:${port}`,
        ...[`*.any.test:${port}`, `rebind.test:${port}`, `both.test:${port}`],
        ...['**.tunnel.test', 'pin.test', `db.test:${ports['db.test']}/tcp`],
      ],
      deniedHosts: ['banned.test'],
      rules: [{ host: 'other.test', paths: ['/admin/**'], action: 'deny' as const }],
      blockPrivateIps: true,
      allowedPrivate: [ALLOWED_PRIVATE],
      extraHosts: [
        ...(
          ['api.test', 'other.test', 'plain.test', 'h2.test', 'db.test', 'pin.test'] as const
        ).map((name) => extra(name, ports[name])),
        extra('banned.test', port),
        extra('control.test', port),
      ],
    },
    secrets: [
      {
        name: 'TOKEN',
        hosts: ['api.test', 'plain.test', 'h2.test'],
        value: new SecretValue(VALUE),
      },
    ],
    passthrough: ['pin.test'],
    ca: [serverCa.caPem],
    resolve: async (name: string) => {
      note(name);
      return answersOf(name, to, ALLOWED_PRIVATE);
    },
  };
}

export async function openLab(): Promise<AttackLab> {
  const project = mkdtempSync(join(tmpdir(), 'gondolin-attacks-'));
  writeFileSync(join(project, 'gondolin.yaml'), 'network: { mode: none }\n');
  const canaries = await startCanaries(project);
  const rebound = await startRebound(canaries.port);
  const spies = await startSpies();
  const events: NetworkEvent[] = [];
  const resolved: string[] = [];
  const vm = await VM.create({
    ...WORKLOAD_MACHINE,
    vfs: {
      mounts: {
        '/workspace': new RealFSProvider(project),
        '/attack': new ReadonlyProvider(PROGRAMS),
      },
    },
    network: networkOf(canaries, spies, (name) => resolved.push(name)),
    onNetworkEvent: (event) => events.push(event),
  });
  const run = async (line: string): Promise<string> => {
    const script = `{ ${line}\n} 2>&1; status=$?; [ $status = 0 ] || echo "exit $status"`;
    const { stdout } = await vm.exec(['/bin/bash', '-c', script], { timeoutMs: 30_000 });
    return stdout;
  };
  const placeholder = (await run('echo $TOKEN')).trim();
  const hostAddress = canaries.addresses.find(isIPv4) ?? '127.0.0.1';
  return {
    ...{ vm, canaries, spies, events, resolved, project, run },
    target: { canaries, hostAddress, placeholder, ports: spies.ports },
    async close() {
      await vm.close();
      rebound.closeAllConnections();
      rebound.close();
      await spies.close();
      await canaries.close();
      rmSync(project, { recursive: true, force: true });
    },
  };
}
