// Before `npm publish`: refuses a package whose addresses are still examples.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
const addresses = {
  repository: manifest.repository?.url,
  bugs: manifest.bugs?.url,
  homepage: manifest.homepage,
};
const unset = Object.entries(addresses).filter(([, url]) =>
  /(^|[./@])example\.\w+/.test(url ?? 'example.com'),
);
if (unset.length > 0) {
  const names = unset.map(([name]) => name).join(', ');
  console.error(
    `publish: package.json still names an example host in: ${names}. Set them first: docs/release.md`,
  );
  process.exit(1);
}
