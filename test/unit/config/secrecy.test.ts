import { expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { renderConfig } from '../../../src/config/print/render-config.ts';
import { readConfig } from '../../../src/config/read-config.ts';

const access = {
  readText: () => ({ problem: 'no such file' }) as const,
  pathKind: () => 'missing' as const,
};

function read(text: string, env: Record<string, string>) {
  return readConfig({ path: '/p/gondolin.yaml', text }, { access, env });
}

it('an issue shows the reference of a wrong value, never what the variable holds', () => {
  let issues = '';
  try {
    read('image: debian\nresources: { cpus: "${TOKEN}" }\n', { TOKEN: 'hunter2' });
  } catch (error) {
    if (error instanceof ConfigError) issues = JSON.stringify(error.issues);
  }
  expect(issues).toContain('${TOKEN}');
  expect(issues).not.toContain('hunter2');
});

it('renderConfig() masks inherited variables of sandboxes and steps', () => {
  const text = 'env: { TOKEN: }\nsteps: [{ run: ls, env: { TOKEN: , A: "${TOKEN}", B: shown } }]\n';
  const shown = renderConfig(read(text, { TOKEN: 'hunter2' }), 'json');
  expect(shown).not.toContain('hunter2');
  expect(shown).toContain('shown');
});

it.each([
  ['a plain value of the host', 'A: "${STAGE}"', { STAGE: 'dev' }, 'dev'],
  ['a default', 'A: "${NONE:-left}"', {}, 'left'],
  ['what stands for a credential', 'A: "${API_TOKEN:+given}"', { API_TOKEN: 'hunter2' }, 'given'],
])('renderConfig() shows %s', (_, entry, env, want) => {
  const shown = renderConfig(read(`env: { ${entry} }\n`, env), 'json');
  expect(JSON.parse(shown).sandboxes[0].env).toEqual({ A: want });
});

it.each([
  ['a credential by its name', 'A: "${API_TOKEN}"', { API_TOKEN: 'hunter2' }],
  ['a credential inside a default', 'A: "${NONE:-x${NPM_AUTH}}"', { NPM_AUTH: 'hunter2' }],
  ['a credential by the name it gets', 'DB_PASSWORD: "${PW}"', { PW: 'hunter2' }],
  ['a URL with a password', 'A: "${DB}"', { DB: 'postgres://me:hunter2@db/x' }],
  ['a long run of letters and digits', 'A: "${GH}"', { GH: 'ghp_hunter2hunter2hunter2' }],
  ['the variable of a secret', 'A: "${MINE}"', { MINE: 'hunter2' }],
])('renderConfig() masks %s', (_, entry, env) => {
  const secrets = 'secrets: [{ name: S, hosts: [a.test], from: { env: MINE } }]';
  const text = `network: { allowed_hosts: [a.test] }\n${secrets}\n`;
  const map = renderConfig(read(`${text}env: { ${entry} }\n`, env), 'json');
  const [name = '', value = ''] = entry.split(': ');
  const list = renderConfig(read(`${text}env: ["${name}=${JSON.parse(value)}"]\n`, env), 'json');
  const step = `steps: [{ run: ls, env: { ${entry} } }]\n`;
  for (const shown of [map, list, renderConfig(read(text + step, env), 'yaml')]) {
    expect(shown).not.toContain('hunter2');
    expect(shown).toContain('***');
  }
});

it.each(['0s', '9999h'])('timeout: %s is refused: no timer can hold it', (limit) => {
  expect(() => read(`steps: [{ run: ls, timeout: ${limit} }]\n`, {})).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  );
});
