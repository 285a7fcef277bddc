import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { renderConfig } from '../../../../src/config/print/render-config.ts';
import { readText } from '../../../fixtures/project-text.ts';

const PROJECT = readText(
  'env_file: .env\nenv: { PLAIN: shown, HOST: , MIX: "x${HOST}" }\nsteps: [ls]\n',
  {
    files: { '/p/.env': 'FILE=f1le\n' },
    env: { HOST: 's3cret' },
  },
);

it.each(['yaml', 'json'] as const)(
  'renderConfig() as %s masks values that do not stand in the file',
  (format) => {
    const text = renderConfig(PROJECT, format);
    expect(text).toContain('shown');
    expect(text).not.toMatch(/s3cret|f1le/);
    expect(text.endsWith('\n')).toBe(true);
  },
);

it('renderConfig() says the same in both formats', () => {
  expect(parse(renderConfig(PROJECT, 'yaml'))).toEqual(JSON.parse(renderConfig(PROJECT, 'json')));
});
