/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../src/config/config-error.ts';
import { renderConfig } from '../../../../src/config/print/render-config.ts';
import { renderIssues } from '../../../../src/config/print/render-issues.ts';
import {
  errorOf,
  issuesOfText,
  type ProjectOptions,
  readText,
} from '../../../fixtures/project-text.ts';

const secretsOf = (text: string, options?: ProjectOptions) =>
  readText(`secrets:\n${text}`, options).sandboxes[0]?.secrets;

/** Everything that a person or a machine is shown of a wrong file. */
function shownOf(text: string, options?: ProjectOptions): string {
  try {
    readText(text, options);
    return '';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { issues, sources } = error;
    return `${error.message}\n${renderIssues(issues, { sources })}\n${JSON.stringify(issues)}`;
  }
}

describe('secrets:', () => {
  it('reads the short and the long form; the source is kept, never a value', () => {
    const text = `  - GITHUB_TOKEN@api.github.com, *.github.com
  - { name: NPM_TOKEN, hosts: ["npm.example.com:8443"], from: { env: CI_NPM }, query: true }
  - { name: A, hosts: [a.test], from: { file: ./a.txt }, allow_http: true, headers: [Authorization, X-Api-Key] }
  - { name: B, hosts: [b.test], from: { command: pass show b } }
  - { name: C, hosts: [c.test], from: { command: [pass, show, c] } }
`;
    const env = { GITHUB_TOKEN: 'hunter2', CI_NPM: 'hunter2' };
    const secrets = secretsOf(text, { env });
    const plain = { headers: [], query: false, allowHttp: false };
    expect(secrets).toEqual([
      {
        name: 'GITHUB_TOKEN',
        hosts: ['api.github.com', '*.github.com'],
        from: { kind: 'env', variable: 'GITHUB_TOKEN' },
        ...plain,
      },
      {
        name: 'NPM_TOKEN',
        hosts: ['npm.example.com:8443'],
        from: { kind: 'env', variable: 'CI_NPM' },
        headers: [],
        query: true,
        allowHttp: false,
      },
      {
        name: 'A',
        hosts: ['a.test'],
        from: { kind: 'file', path: '/p/a.txt' },
        headers: ['authorization', 'x-api-key'],
        query: false,
        allowHttp: true,
      },
      {
        name: 'B',
        hosts: ['b.test'],
        from: { kind: 'command', command: 'pass show b', directory: '/p' },
        ...plain,
      },
      {
        name: 'C',
        hosts: ['c.test'],
        from: { kind: 'command', command: ['pass', 'show', 'c'], directory: '/p' },
        ...plain,
      },
    ]);
    const config = readText(`secrets:\n${text}`, { env });
    expect(renderConfig(config, 'yaml') + renderConfig(config, 'json')).not.toContain('hunter2');
  });

  it('reports each mistake at its place', () => {
    const text = `secrets:
  - TOKEN
  - TOKEN@
  - "@a.test"
  - TO KEN@a.test
  - OTHER@a b
  - TOKEN@a.test
  - TOKEN@b.test
  - { name: A, hosts: [] }
  - { name: B, hosts: ["db:1/tcp"] }
  - { name: C, hosts: [c.test], from: { file: ./gone } }
  - { name: D, hosts: [d.test], from: { file: ./src } }
  - { name: E, hosts: [e.test], from: {} }
  - { name: F, hosts: [f.test], from: { env: F, file: ./a.txt } }
  - { name: G, host: [g.test] }
  - 7
network: { denied_hosts: ["*.h.test"], passthrough: [i.test] }
`;
    expect(issuesOfText(text)).toEqual([
      '2:5 bad_value',
      '3:5 bad_value',
      '4:5 bad_value',
      '5:5 bad_value',
      '6:5 host_pattern',
      '8:5 duplicate_name',
      '9:23 bad_value',
      '10:24 host_pattern',
      '11:47 path_missing',
      '12:47 path_kind',
      '13:39 bad_value',
      '14:39 bad_value',
      '15:5 missing_key',
      '15:16 unknown_key',
      '16:5 wrong_type',
    ]);
  });

  it('refuses a host that is denied or not inspected', () => {
    const text = `secrets: [A@x.h.test, B@i.test, C@h.test]
network: { denied_hosts: ["*.h.test"], passthrough: [i.test] }
`;
    expect(issuesOfText(text)).toEqual(['1:11 secret_host', '1:23 secret_host']);
  });

  it.each([
    ['env: { TOKEN: }\n', 'env sets'],
    ['env: [TOKEN=x]\n', 'env sets'],
    ['env_file: ./.env\n', 'env_file sets'],
    ['steps: [{ run: ls, env: { TOKEN: x } }]\n', 'env of step'],
  ])('refuses a variable of its name beside it: %s', (text, want) => {
    const options = { files: { '/p/.env': 'TOKEN=hunter2\n' }, env: { TOKEN: 'hunter2' } };
    const [issue, ...more] = errorOf(`secrets: [TOKEN@a.test]\n${text}`, options);
    expect(more).toEqual([]);
    expect(issue).toMatchObject({ code: 'secret_exposed', at: { line: 1, col: 11 } });
    expect(issue?.message).toContain(want);
  });

  it.each([
    'secrets: [TOKEN=hunter2@a.test]\n',
    'secrets: ["TOKEN=hun@ter2@a.test", A@b.test]\n',
    'secrets: [TOKEN=@a.test]\n',
    'secrets:\n  - TOKEN=${VALUE}@a.test\n',
    'secrets:\n  - { name: TOKEN, value: hunter2, hosts: [a.test] }\n',
    'secrets:\n  - TOKEN=hunter2: 7\n',
    'sandboxes: { a: { secrets: [TOKEN=hunter2@a.test] } }\n',
    'defaults: { secrets: [TOKEN=hunter2@a.test] }\nsandboxes: { a: {} }\n',
  ])('refuses an inline value, names the fix and never shows the value: %s', (text) => {
    const options = { env: { VALUE: 'hunter2' } };
    const issues = errorOf(text, options);
    expect(issues.map(({ code }) => code)).toContain('secret_inline');
    expect(issues.find(({ code }) => code === 'secret_inline')?.hint).toContain('NAME@host');
    expect(shownOf(text, options)).not.toMatch(/hunter2|ter2/);
  });

  it.each([
    'secrets: hunter2\n',
    'secrets: { TOKEN: hunter2 }\n',
    'secrets:\n  TOKEN: hunter2\n',
    'secrets: [hunter2]\n',
    'secrets: [[hunter2]]\n',
    'secrets: ["hunter2@"]\n',
    'secrets: [{ name: A, hosts: [a.test], from: hunter2 }]\n',
    'secrets: [{ name: A, hosts: [a.test], from: { env: "hunter2!" } }]\n',
    'secrets: [TOKEN=hunter2@a.test\nimage: [\n',
    'imge: debian # beside\nsecrets: [{ name: A, hosts: [a.test], hunter2: 1 }]\n',
  ])('never shows what may be a value that was pasted: %s', (text) => {
    expect(shownOf(text)).not.toBe('');
    expect(shownOf(text)).not.toContain('hunter2');
  });

  it('keeps the caret where the mistake is when a value is starred out', () => {
    const text = 'secrets: ["A=hunter2@a.test"] \nimge: x\n';
    const shown = shownOf(text);
    expect(shown).toContain('  1 | secrets: [');
    expect(shown).toContain('    |           ^');
  });
});
