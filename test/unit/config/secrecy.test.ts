import { expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { readConfig } from '../../../src/config/read-config.ts';
import { renderConfig } from '../../../src/config/render-config.ts';

const access = {
  readText: () => ({ problem: 'no such file' }) as const,
  kindOf: () => 'missing' as const,
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

it.each(['0s', '9999h'])('timeout: %s is refused: no timer can hold it', (limit) => {
  expect(() => read(`steps: [{ run: ls, timeout: ${limit} }]\n`, {})).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  );
});
