import { describe, expect, it } from 'vitest';
import { parseDotenv } from '../../../../src/config/check/parse-dotenv.ts';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

const envOf = (...args: Parameters<typeof readText>) => readText(...args).sandboxes[0]?.env;

describe('env', () => {
  it('takes maps and lists, numbers and truth values as written', () => {
    expect(envOf('env: { A: 1.10, B: true, C: "x", D: "" }\n')).toEqual({
      A: '1.10',
      B: 'true',
      C: 'x',
      D: '',
    });
    expect(envOf('env: [A=1, "B=x=y", C=]\n')).toEqual({ A: '1', B: 'x=y', C: '' });
  });

  it('inherits a bare key, and leaves it out where the host has none', () => {
    expect(envOf('env: { A: , B: }\n', { env: { A: 'host' } })).toEqual({ A: 'host' });
    expect(envOf('env: [A, B]\n', { env: { A: 'host' } })).toEqual({ A: 'host' });
  });

  it('never inherits what it was not asked for', () => {
    expect(envOf('env: { A: x }\n', { env: { SECRET: 's', PATH: '/bin' } })).toEqual({ A: 'x' });
  });

  it('knows which values are not to be printed', () => {
    const files = { '/p/.env': 'F=1\nG=2\n' };
    const env = 'env: { G: own, H: , I: "${V_KEY}", J: plain, K: "${H}", L: "${V}" }';
    const vars = { H: 'h', V_KEY: 'k', V: 'v' };
    const sandbox = readText(`env_file: .env\n${env}\n`, { files, env: vars }).sandboxes[0];
    expect(sandbox?.maskedEnv).toEqual(['F', 'H', 'I', 'K']);
  });

  it.each(['1A', 'A-B', '""', 'A.B'])('refuses the name %s', (name) => {
    expect(errorOf(`env: { ${name}: x }\n`).map(({ code }) => code)).toEqual(['bad_value']);
  });

  it.each(['[=x]', '["A B=x"]', '[1=x]'])('refuses the list %s', (list) => {
    expect(issuesOfText(`env: ${list}\n`)).toEqual(['1:7 bad_value']);
  });

  it('refuses a list or a map as a value', () => {
    expect(issuesOfText('env: { A: [x] }\n')).toEqual(['1:11 wrong_type']);
  });
});

describe('env_file', () => {
  it('lies under env, a later file over an earlier one', () => {
    const files = { '/p/a.env': 'A=a\nB=a\nC=a\n', '/p/b.env': 'B=b\nC=b\n' };
    expect(envOf('env_file: [a.env, b.env]\nenv: { C: c }\n', { files })).toEqual({
      A: 'a',
      B: 'b',
      C: 'c',
    });
  });

  it('must be there unless required is false', () => {
    expect(issuesOfText('env_file: no.env\n')).toEqual(['1:11 file_unreadable']);
    expect(issuesOfText('env_file: [{ path: no.env, required: false }]\n')).toEqual([]);
  });

  it('starts at the file that names it', () => {
    const files = { '/p/ci/base.yaml': 'env_file: x.env\n', '/p/ci/x.env': 'A=1\n' };
    expect(envOf('include: ci/base.yaml\nimage: debian\n', { files })).toEqual({ A: '1' });
  });

  it('reports the line of a mistake and never its text', () => {
    const files = { '/p/x.env': 'A=1\ns3cret words\n' };
    const issues = errorOf('env_file: x.env\n', { files });
    expect(issues.map(({ code }) => code)).toEqual(['env_file_syntax']);
    expect(JSON.stringify(issues)).not.toContain('s3cret');
  });
});

describe('parseDotenv()', () => {
  it.each([
    ['A=1', { A: '1' }],
    ['export A=1', { A: '1' }],
    ['  A = 1  ', { A: '1' }],
    ['A=', { A: '' }],
    ['A=x=y', { A: 'x=y' }],
    ['A=x # note', { A: 'x' }],
    ['A=x#y', { A: 'x#y' }],
    ['# A=1\n\nB=2', { B: '2' }],
    ["A='a b # c'", { A: 'a b # c' }],
    ["A='a\\nb'", { A: 'a\\nb' }],
    ['A="a\\nb\\t\\"q\\" \\\\"', { A: 'a\nb\t"q" \\' }],
    ['A="x" # note', { A: 'x' }],
    ['A=${HOME} $X', { A: '${HOME} $X' }],
    ['A=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['A=1\nA=2', { A: '2' }],
    ['A=#x', { A: '#x' }],
    ['A= #x', { A: '' }],
    ['A=\t# note', { A: '' }],
    ['A= # note', { A: '' }],
    ['export A=', { A: '' }],
    ['export\tA = 1', { A: '1' }],
    ['export=1', { export: '1' }],
    ['\uFEFFA=1', { A: '1' }],
    ['\uFEFF# note\r\nA=1', { A: '1' }],
    ['A=x"y"', { A: 'x"y"' }],
    ['A="one\ntwo"\nB=3', { A: 'one\ntwo', B: '3' }],
    ['A="one\r\ntwo"\r\nB=3', { A: 'one\ntwo', B: '3' }],
    ["A='\n# kept\n\nB=1\n'\nC=2", { A: '\n# kept\n\nB=1\n', C: '2' }],
    ['A="x\\\ny" # note', { A: 'x\\\ny' }],
    ['A="x\\"\ny"', { A: 'x"\ny' }],
    ['__proto__=x', Object.fromEntries([['__proto__', 'x']])],
  ])('reads %j', (text, env) => {
    expect(parseDotenv(text)).toEqual({ env, badLines: [] });
  });

  it.each(["A='it''s'", 'export A', 'exportA B=1', 'A="x\ny', 'A="x\ny" z'])(
    'refuses %j at the line that begins it',
    (text) => {
      const { env, badLines } = parseDotenv(`OK=1\n${text}\nLATER=2\n`);
      expect(env).toEqual({ OK: '1', LATER: '2' });
      expect(badLines[0]).toBe(2);
    },
  );

  it('takes a megabyte of blanks or of open quotes in no time', () => {
    const started = performance.now();
    parseDotenv(`A=x${' '.repeat(2 ** 20)}y\n`);
    parseDotenv(`${'A="\\"\n'.repeat(2 ** 17)}`);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it.each(['A', '1A=x', 'A B=x', '=x', 'A="x', "A='x", 'A="x" y', '- A=1'])(
    'refuses %j',
    (text) => {
      expect(parseDotenv(`OK=1\n${text}\n`)).toEqual({ env: { OK: '1' }, badLines: [2] });
    },
  );
});
