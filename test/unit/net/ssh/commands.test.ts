import { expect, it } from 'vitest';
import { judgeCommand } from '../../../../src/net/ssh/command-pattern.ts';
import { getInfoFromSshExecRequest } from '../../../../src/net/ssh/git-command.ts';
import { parseCommandPattern } from '../../../../src/util/command-pattern.ts';

function judge(pattern: string, command: string): string | null {
  const parsed = parseCommandPattern(pattern);
  if (parsed === null) throw new Error(`no pattern: ${pattern}`);
  return judgeCommand([parsed], command)?.command ?? null;
}

it.each([
  ['git-upload-pack org/a.git', "git-upload-pack 'org/a.git'", "git-upload-pack 'org/a.git'"],
  ['git-upload-pack org/a.git', 'git-upload-pack org/a.git', "git-upload-pack 'org/a.git'"],
  ['git-upload-pack org/*', "git-upload-pack 'org/b.git'", "git-upload-pack 'org/b.git'"],
  ['git-upload-pack *', "git-upload-pack '/srv/x y.git'", "git-upload-pack '/srv/x y.git'"],
  ['**', 'uname -a; id', 'uname -a; id'],
  ['df -h', 'df -h', "df '-h'"],
])('%j covers %j, which is sent as %j', (pattern, command, sent) => {
  expect(judge(pattern, command)).toBe(sent);
});

it.each([
  ['git-upload-pack org/a.git', "git-upload-pack 'org/a.git.evil'"],
  ['git-upload-pack org/a.git', "git-upload-pack 'org/a.git' x"],
  ['git-upload-pack org/a.git', "git-upload-pack 'org/a.git'; id"],
  ['git-upload-pack org/a.git', "git-upload-pack 'org/a.git'\nid"],
  ['git-upload-pack org/a.git', "git-upload-pack 'org/a.git' $(id)"],
  ['git-upload-pack org/a.git', "git-upload-pack '/org/a.git'"],
  ['git-upload-pack org/a.git', "git-receive-pack 'org/a.git'"],
  ['git-upload-pack org/*', "git-upload-pack 'org/../other'"],
  ['git-upload-pack org/*', "git-upload-pack 'org/..'"],
  ['git-upload-pack org/*', "git-upload-pack 'org/'"],
  ['git-upload-pack org/*', "git-upload-pack 'org/a/b'"],
  ['git-upload-pack *', "git-upload-pack '--exec=id'"],
  ['git-upload-pack *', "git-upload-pack 'a/../b'"],
  ['git-upload-pack *', "git-upload-pack ''"],
])('%j does not cover %j', (pattern, command) => {
  expect(judge(pattern, command)).toBeNull();
});

it.each(['', 'a; b', 'git-upload-pack $REPO', 'a > b'])('%j is no pattern', (text) => {
  expect(parseCommandPattern(text)).toBeNull();
});

it.each([
  ["git-upload-pack 'org/a.git'", { service: 'git-upload-pack', repo: 'org/a.git' }],
  ["git-receive-pack '/org/a.git/'", { service: 'git-receive-pack', repo: 'org/a.git' }],
  ["git-upload-pack 'org/../a.git'", null],
  ["git-upload-pack '-oX'", null],
  ["git-upload-pack '~/a.git'", null],
  ["git-upload-pack 'a b'", null],
  ["git-upload-pack 'a' 'b'", null],
  ["git-upload-pack 'a'; id", null],
  ['rm -rf', null],
])('getInfoFromSshExecRequest() of %j', (command, want) => {
  expect(getInfoFromSshExecRequest({ command })).toEqual(want);
});
