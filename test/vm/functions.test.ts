import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { documentBlocks } from '../fixtures/documents/document-blocks.ts';
import { ENGINE_LACKS, ENGINE_PROBES, PROBE_HANDLER } from '../fixtures/engine-probes.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { ALIAS, installAlias } from '../fixtures/package/alias-package.ts';
import { packPackage } from '../fixtures/package/pack-package.ts';
import { TEST_DIRECTORY } from '../test-environment.ts';

const run = promisify(execFile);
const place = mkdtempSync(join(TEST_DIRECTORY, 'functions-'));
const cwd = join(place, 'project');
const PACKAGE = `${ALIAS}/js`;
const SANDBOXES = IS_FULL_LOAD ? 40 : 8;
/** A guest's clock is set to within 25 ms, and on a busy machine the host's own reading of it waits. */
const CLOCK_MS = 250;

beforeAll(async () => installAlias(await packPackage(), cwd), 240_000);
afterAll(() => rmSync(place, { recursive: true, force: true }), 60_000);

/** Output of a program that must end by itself, without an error. */
async function outputOf(name: string, program: string): Promise<string> {
  writeFileSync(join(cwd, name), program);
  const { stdout, stderr } = await run(process.execPath, [name], { cwd, timeout: 100_000 });
  expect(stderr).toBe('');
  return stdout;
}

const LOAD = `
  const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
  sandbox.addHandler('handler', 'function handler(event) { return event; }');
  const loaded = await sandbox.getLoadedSandbox();`;
const BARE = 'const sandbox = await (await new SandboxBuilder().build()).loadRuntime();';
/** Names that a block of the document takes for granted. */
const BEFORE: Readonly<Record<string, string>> = {
  '003-04': 'const protoSandbox = await new SandboxBuilder().build();',
  '003-05': BARE,
};

/** Lists calls that a program could not make one after another, because the first consumes the object: each runs alone. */
const LISTINGS = ['003-05', '003-06'];

function programsOf(id: string, text: string): string[] {
  if (!LISTINGS.includes(id)) return [text];
  const parts = text.split(/\n\n(?=\/\/ )/);
  // Two removals, of the handler that the first line adds.
  return parts.map((part) => (part.includes('removeHandler') ? `${parts[0]}\n${part}` : part));
}

const programs = documentBlocks('003').flatMap(({ id, text }) =>
  programsOf(id, text).map((part) => {
    const own = part.replace("'@hyperlight/js-host-api'", `'${PACKAGE}'`);
    const before = own.includes('import {')
      ? ''
      : `import { SandboxBuilder } from '${PACKAGE}';\n${BEFORE[id] ?? LOAD}`;
    // In a block of its own: it may declare the names that it takes for granted again.
    return { id, program: before === '' ? own : `${before}\n{\n${own}\n}` };
  }),
);

it('each block of the document runs with the installed package, and leaves nothing that keeps Node running', async () => {
  expect(programs.length).toBeGreaterThan(12);
  const names = programs.map((_, at) => `block-${at}.mjs`);
  for (const [at, { program }] of programs.entries())
    writeFileSync(join(cwd, `block-${at}.mjs`), program);
  const all = names.map((name) => `await import('./${name}');`).join('\n');
  const output = await outputOf('blocks.mjs', `${all}\nconsole.log('all of them');`);
  expect(output).toContain("{ name: 'World', message: 'Hello, World!' }");
  expect(output).toContain('all of them');
  // No limit was reached: each handler returns at once.
  expect(output).not.toMatch(/limit|timeout|cancelled/i);
});

it(`require() gives the same, ${SANDBOXES} sandboxes that nobody disposes work side by side with clocks and random numbers of their own, and the engine has what it is said to have`, async () => {
  const probes = Object.values(ENGINE_PROBES).flat();
  const program = `
    const { SandboxBuilder } = require('${PACKAGE}');
    const seen = new Set();
    async function one(n) {
      const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
      sandbox.addHandler('add', 'let sum = 0; export function handler(n) { sum += n; return sum; }');
      sandbox.addHandler('own', 'export function handler() { return [Date.now(), Math.random(), crypto.getRandomValues(new Uint32Array(4)).join()]; }');
      sandbox.addHandler('spin', 'export function handler() { for (;;); }');
      const loaded = await sandbox.getLoadedSandbox();
      const before = Date.now();
      const [now, ...numbers] = await loaded.callHandler('own', null);
      if (now < before - ${CLOCK_MS} || now > Date.now() + ${CLOCK_MS}) console.log('a clock is wrong by', now - before);
      for (const number of numbers) seen.add(number);
      await loaded.callHandler('add', n);
      const sum = await loaded.callHandler('add', n);
      if (n === 0) {
        // Before the agent of its guest was woken, perhaps.
        setTimeout(() => loaded.interruptHandle.kill(), 5);
        await loaded.callHandler('spin', null).catch(({ code }) => code === 'ERR_CANCELLED' || console.log(code));
      }
      return sum;
    }
    (async () => {
      let sum = 0;
      for (let at = 0; at < ${SANDBOXES / 4}; at++) {
        const four = await Promise.all([0, 1, 2, 3].map((n) => one(4 * at + n)));
        sum += four.reduce((all, result) => all + result);
      }
      console.log(sum, seen.size);
      const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
      sandbox.addHandler('probe', ${JSON.stringify(PROBE_HANDLER)});
      const loaded = await sandbox.getLoadedSandbox();
      console.log(JSON.stringify(await loaded.callHandler('probe', ${JSON.stringify(probes)})));
    })();`;
  const [sum, lacks = ''] = (await outputOf('many.cjs', program)).split('\n');
  // Two random numbers of each: no two sandboxes have one in common.
  expect(sum).toBe(`${SANDBOXES * (SANDBOXES - 1)} ${2 * SANDBOXES}`);
  expect(JSON.parse(lacks)).toEqual(probes.filter((probe) => ENGINE_LACKS.includes(probe)));
  const passed = probes.length - ENGINE_LACKS.length;
  process.stderr.write(
    `the engine has ${passed} of ${probes.length} probed features (${((100 * passed) / probes.length).toFixed(0)} %)\n`,
  );
});

it('limits, kill, heap and stack end calls in a guest as they should, restore() mends it, and another process continues a saved snapshot', async () => {
  const program = `
    import { once } from 'node:events';
    import { createServer } from 'node:http';
    import { createHttpHooks } from '${ALIAS}';
    import { SandboxBuilder } from '${PACKAGE}';
    const server = createServer((request, response) => response.end('served ' + request.url)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const extraHosts = [{ name: 'api.test', address: '127.0.0.1', port: server.address().port }];
    const proto = await new SandboxBuilder().setNetwork(createHttpHooks({ extraHosts })).build();
    proto.register('clock', 'wait', () => new Promise((done) => setTimeout(done, 5, 'waited')));
    const sandbox = await proto.loadRuntime();
    const add = (name, body, head = '') => sandbox.addHandler(name, head + 'export function handler() {' + body + '}');
    add('spin', 'for (;;);');
    add('regexp', 'return /^(a+)+$/.test("a".repeat(50) + "b");');
    add('heap', 'const all = []; for (;;) all.push(new Array(1000).fill(0));');
    add('stack', 'return handler() + 1;');
    add('file', 'left = (globalThis.left ?? 0) + 1; return left;', 'var left;');
    add('count', 'calls += 1; return calls;', 'let calls = 0;');
    add('waits', 'return wait();', "import { wait } from 'host:clock';");
    sandbox.addHandler('net', 'export async function handler(url) { return (await fetch(url)).text(); }');
    const loaded = await sandbox.getLoadedSandbox();
    const snapshot = await loaded.snapshot();
    console.log(await loaded.callHandler('net', 'http://api.test/x'));
    const codes = [];
    const fails = async (name, options) => {
      const started = performance.now();
      await loaded.callHandler(name, null, options).catch(({ code }) => codes.push(code));
      const { terminatedBy } = loaded.lastCallStats;
      if (terminatedBy !== null) codes.push(terminatedBy);
      await loaded.restore(snapshot);
      return performance.now() - started;
    };
    const wallMs = await fails('spin', { wallClockTimeoutMs: 500 });
    await fails('spin', { cpuTimeoutMs: 200, wallClockTimeoutMs: 60_000 });
    await fails('regexp', { cpuTimeoutMs: 100 });
    await fails('heap');
    await fails('stack');
    setTimeout(() => loaded.interruptHandle.kill(), 100);
    await fails('spin');
    console.log(codes.join(' '), wallMs >= 500, await loaded.callHandler('waits', null), await loaded.callHandler('file', null));
    await loaded.callHandler('count', null);
    await (await loaded.snapshot()).save('saved');
    console.log(await loaded.callHandler('count', null));
    await loaded.dispose();
    server.close();
    await loaded.callHandler('file', null).catch(({ code }) => console.log(code));`;
  expect(await outputOf('limits.mjs', program)).toBe(
    'served /x\nERR_CANCELLED wall-clock ERR_CANCELLED cpu-time ERR_CANCELLED cpu-time ERR_GUEST_ABORT ERR_STACK_OVERFLOW ERR_CANCELLED true waited 1\n2\nERR_GUEST_ABORT\n',
  );
  const continued = `
    import { createHttpHooks } from '${ALIAS}';
    import { SandboxBuilder, Snapshot } from '${PACKAGE}';
    const builder = new SandboxBuilder().setNetwork(createHttpHooks());
    const proto = (await builder.build()).register('clock', 'wait', () => 'here');
    const loaded = await (await proto.loadRuntime()).getLoadedSandbox();
    const own = await loaded.snapshot();
    const snapshot = await Snapshot.load('saved');
    await loaded.restore(snapshot);
    console.log(await loaded.callHandler('waits', null), await loaded.callHandler('count', null));
    console.log(await loaded.callHandler('net', 'http://api.test/').then((text) => text.includes('not_allowed')));
    setTimeout(() => loaded.interruptHandle.kill(), 100);
    await loaded.callHandler('spin', null).catch(({ code }) => console.log(code));
    await loaded.restore(snapshot);
    console.log(await loaded.callHandler('count', null));
    await loaded.restore(own);
    await loaded.callHandler('count', null).catch(({ code }) => console.log(code));`;
  expect(await outputOf('continued.mjs', continued)).toBe(
    'here 2\ntrue\nERR_CANCELLED\n2\nERR_INTERNAL\n',
  );
});
