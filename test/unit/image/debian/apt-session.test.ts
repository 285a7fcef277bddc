import { expect, it } from 'vitest';
import {
  parseChosen,
  parseControl,
  selectTransport,
} from '../../../../src/image/debian/apt-session.ts';
import { parseOsRelease } from '../../../../src/image/debian/host-packages.ts';

it('parseControl() reads the first stanza and leaves continuation lines out', () => {
  const text =
    'Package: linux-image-cloud-amd64\nDepends: a (= 1), b\nDescription: x\n long\n\nPackage: other\n';
  expect(Object.fromEntries(parseControl(text))).toEqual({
    package: 'linux-image-cloud-amd64',
    depends: 'a (= 1), b',
    description: 'x',
  });
});

it('selectTransport() keeps how mirrors are reached and nothing else of the configuration', () => {
  const dump = [
    'APT::Install-Recommends "1";',
    'Acquire::http::Proxy "http://proxy.example.com:3142";',
    'Acquire::https::deb.example.com::CaInfo "/etc/ssl/ours.pem";',
    'Acquire::http::Proxy::deb.example.com "DIRECT";',
    'Acquire::Retries "3";',
    'Acquire::http::Proxy "";',
    'Acquire::Check-Valid-Until "false";',
    'DPkg::Post-Invoke:: "rm -rf /";',
  ].join('\n');
  expect(selectTransport(dump)).toEqual([
    'Acquire::http::Proxy "http://proxy.example.com:3142";',
    'Acquire::https::deb.example.com::CaInfo "/etc/ssl/ours.pem";',
    'Acquire::http::Proxy::deb.example.com "DIRECT";',
    'Acquire::Retries "3";',
  ]);
});

it('parseOsRelease() reads plain and quoted values and passes over the rest', () => {
  const values = parseOsRelease(
    'ID=debian\nNAME="Debian GNU/Linux"\nX=\'a b\'\n# c\n\nwrong line\n',
  );
  expect(Object.fromEntries(values)).toEqual({ ID: 'debian', NAME: 'Debian GNU/Linux', X: 'a b' });
});

it.each([
  [
    "'http://deb.example.com/pool/l/login_4.16_amd64.deb' login_1%3a4.16_amd64.deb 123 SHA256:ab",
    ['login', '1:4.16'],
  ],
  ["'copy:/a b/git_1.deb' git_1%7erc1-2_all.deb 5 ", ['git', '1~rc1-2']],
  ['Reading package lists...', null],
  ["'http://deb.example.com/InRelease' deb_InRelease 123 ", null],
])('parseChosen() reads %s', (line, chosen) => {
  expect(parseChosen(line)).toEqual(chosen);
});
