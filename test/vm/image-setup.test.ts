import { expect, it } from 'vitest';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { pushBusyboxImage } from '../fixtures/oci/busybox-image.ts';

it('setup: changes the image once, as root, without a network, and everything of the root is kept', async () => {
  const source = await pushBusyboxImage();
  const cwd = directoryWith(`
name: set-up
images:
  tools:
    oci: "${source}"
    setup:
      - |
        echo "as $(id -u) in $PWD, $OF_IMAGE"
        rm /srv/removed
        mkdir /opt && chmod 2750 /opt && echo made > /opt/made && chmod 4711 /opt/made && chown 7:8 /opt
        ln /opt/made /opt/second; ln -s made /opt/link; mkfifo /opt/pipe; mknod /opt/null c 1 3
        echo local > /etc/issue
image: tools
steps:
  - { name: facts, run: 'id -u; stat -c "%n %a %u:%g %h" /opt /opt/made /opt/second /srv/kept; stat -c "%F %t,%T" /opt/null /opt/pipe; stat -c %Y /srv/kept /opt/made; readlink /opt/link; cat /etc/issue; ls /srv' }
  - { name: capabilities, run: [/caps/cat, /proc/self/status] }
`);
  const first = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(first.code, first.all).toBe(0);
  const facts = first.stdout
    .split('\n')
    .flatMap((line) => /^\[\S+ facts\] (.*)/.exec(line)?.[1] ?? []);
  expect(facts).toEqual([
    '7',
    ...['/opt 2750 7:8 2', '/opt/made 4711 0:0 2', '/opt/second 4711 0:0 2', '/srv/kept 640 7:8 1'],
    ...['character special file 1,3', 'fifo 0,0'],
    ...['1000000', '1735689600', 'made', 'local', 'kept'],
  ]);
  // A program of the image keeps what setcap gave it: the step's user is not root.
  expect(first.stdout).toMatch(/capabilities\] CapEff:\s+0000000000000400\n/);
  expect(first.all).toMatch(/as 0 in \/, yes/);

  const again = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(again.code, again.all).toBe(0);
  expect(again.all).not.toContain('setup 1 of 1');
});
