import { expect, it } from 'vitest';
import {
  addTrust,
  hasTriggers,
  removeTrust,
} from '../../../../src/image/dockerfile/trusting-config.ts';

const variables = { SSL_CERT_FILE: '/dev/x/ca.crt', PIP_CERT: '/dev/x/ca.crt' };
const config = (env: unknown, more = {}) =>
  Buffer.from(JSON.stringify({ os: 'linux', config: { Env: env, ...more } }));
const envOf = (bytes: Buffer) =>
  (JSON.parse(bytes.toString()) as { config: { Env: string[] } }).config.Env;

it('addTrust() adds the variables to those of the image, and keeps the rest', () => {
  const base = config(['PATH=/bin', 'PIP_CERT=/own'], { Cmd: ['sh'] });
  const added = addTrust(base, variables, 'i');
  expect(envOf(added)).toEqual([
    'PATH=/bin',
    'SSL_CERT_FILE=/dev/x/ca.crt',
    'PIP_CERT=/dev/x/ca.crt',
  ]);
  expect(JSON.parse(added.toString())).toMatchObject({ os: 'linux', config: { Cmd: ['sh'] } });
  expect(envOf(addTrust(Buffer.from('{"config":null}'), { A: 'b' }, 'i'))).toEqual(['A=b']);
});

it('removeTrust() gives back what the base had, and keeps what an instruction set', () => {
  const base = config(['PATH=/bin', 'PIP_CERT=/own']);
  const built = config([
    'PATH=/bin',
    'SSL_CERT_FILE=/dev/x/ca.crt',
    'PIP_CERT=/dev/x/ca.crt',
    'A=1',
  ]);
  expect(envOf(removeTrust(built, variables, base, 'i'))).toEqual([
    'PATH=/bin',
    'PIP_CERT=/own',
    'A=1',
  ]);
  expect(envOf(removeTrust(built, variables, null, 'i'))).toEqual(['PATH=/bin', 'A=1']);
  const own = config(['SSL_CERT_FILE=/mine']);
  expect(envOf(removeTrust(own, variables, base, 'i'))).toEqual(['SSL_CERT_FILE=/mine']);
});

it('hasTriggers() finds ONBUILD instructions', () => {
  expect(hasTriggers(config([], { OnBuild: ['COPY . .'] }), 'i')).toBe(true);
  expect(hasTriggers(config([], { OnBuild: [] }), 'i')).toBe(false);
  expect(hasTriggers(config([], { OnBuild: null }), 'i')).toBe(false);
  expect(() => hasTriggers(Buffer.from('[]'), 'i')).toThrow('its configuration is malformed');
});
