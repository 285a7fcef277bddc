import { expect, it } from 'vitest';
import { parseControl, selectTransport } from '../../../../src/image/debian/apt-session.ts';
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
