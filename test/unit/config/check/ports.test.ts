/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { expect, it } from 'vitest';
import { MAX_PORT_MAPPINGS } from '../../../../src/address/parse-port-mapping.ts';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { renderPlan } from '../../../../src/plan/render-plan.ts';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

const portsOf = (text: string) =>
  readText(`ports:\n${text}`).sandboxes[0]?.ports.map(
    ({ host, port, guestPort }) => `${host}|${port}|${guestPort}`,
  );

it('ports: reads the short and the long form, in file order', () => {
  const text = `  - 3000
  - 8080:80
  - "127.0.0.1:8443:443/tcp"
  - "[::1]:3000:3000"
  - 9000-9001:5000-5001
  - 0:6000
  - { target: 7000 }
  - { target: 7001, published: 0 }
  - { target: "7100-7101", published: "7200-7201", host_ip: "::1" }
`;
  expect(portsOf(text)).toEqual([
    '127.0.0.1|3000|3000',
    '127.0.0.1|8080|80',
    '127.0.0.1|8443|443',
    '::1|3000|3000',
    '127.0.0.1|9000|5000',
    '127.0.0.1|9001|5001',
    '127.0.0.1|0|6000',
    '127.0.0.1|7000|7000',
    '127.0.0.1|0|7001',
    '::1|7200|7100',
    '::1|7201|7101',
  ]);
});

it('ports: is empty when it is left out, and may be in defaults:', () => {
  expect(readText('image: debian\n').sandboxes[0]?.ports).toEqual([]);
  const text = 'defaults: { ports: [3000] }\nsandboxes: { a: {}, b: { ports: [4000] } }\n';
  const ports = readText(text).sandboxes.map((sandbox) => sandbox.ports.map(({ port }) => port));
  expect(ports).toEqual([[3000], [4000]]);
});

it.each([
  ['ports: 3000\n', '1:8 wrong_type'],
  ['ports: [true]\n', '1:9 wrong_type'],
  ['ports: ["53:53/udp"]\n', '1:9 port_mapping'],
  ['ports:\n  - 80\n  - http\n', '3:5 port_mapping'],
  ['ports: [70000]\n', '1:9 port_mapping'],
  ['ports: [8080:80, 8080:81]\n', '1:18 port_conflict'],
  ['ports: [80, "0.0.0.0:80:81"]\n', '1:13 port_conflict'],
  ['ports: [{ published: 80 }]\n', '1:9 missing_key'],
  ['ports: [{ target: 80, host_ip: localhost }]\n', '1:9 port_mapping'],
  ['ports: [{ target: 80, pblished: 81 }]\n', '1:23 unknown_key'],
  ['ports: [{ target: 80, published: 0x50 }]\n', '1:9 port_mapping'],
])('%j is %s', (text, want) => {
  expect(issuesOfText(text)).toEqual([want]);
});

it('ports: says what to write in place of an entry', () => {
  const [issue] = errorOf('ports: ["localhost:8080:80"]\n');
  expect(issue).toMatchObject({ message: expect.stringContaining('"localhost:8080:80"') });
  expect(issue?.hint).toContain('Write 127.0.0.1 or [::1].');
  const [misspelt] = errorOf('ports: [{ target: 80, pblished: 81 }]\n');
  expect(misspelt?.hint).toBe('Did you mean "published"?');
});

it('ports: does not show the value of a variable', () => {
  const text = 'ports: ["${P:-zzz}:80"]\n';
  const [issue] = errorOf(text);
  expect(issue?.message).not.toContain('"zzz');
});

it('ports: refuses more than a sandbox may have', () => {
  const half = MAX_PORT_MAPPINGS / 2;
  const text = `ports: [1-${half}, 1001-${1000 + half}, 2000]\n`;
  expect(issuesOfText(text)).toEqual(['1:8 bad_value']);
});

it('plan shows each port, and says when other machines can connect', () => {
  const config = readText('ports: [8080:80, 0:90, "[::1]:81", "0.0.0.0:82"]\nsteps: [ls]\n');
  const text = renderPlan(buildPlan(config, { arch: 'x86_64', release: 'bookworm' }));
  expect(text.split('\n').filter((line) => line.includes('  port  '))).toEqual([
    '  port       127.0.0.1:8080 -> 80',
    '  port       127.0.0.1:a free port -> 90',
    '  port       [::1]:81 -> 81',
    '  port       0.0.0.0:82 -> 82 (other machines can connect)',
  ]);
});
