import { namedHosts } from './named-hosts.ts';
import type { PartStep, ProjectPart } from './project-part.ts';
import type { Repository } from './repository.ts';

const URLS = /^[ \t]*(?:source[ \t]*\(?[ \t]*["']|remote:[ \t]*)(https?:\/\/[^"'\s]{1,500})/gm;

/** Looks for a Ruby project. */
export function findRubyProject(repository: Repository): ProjectPart | null {
  const gemfile = repository.text('Gemfile');
  if (gemfile === null) return null;
  const lock = repository.text('Gemfile.lock');
  const names = repository.names('.');
  const files = ['Gemfile', ...(lock === null ? [] : ['Gemfile.lock'])];
  const tests: PartStep[] = [];
  if (names.includes('spec')) {
    tests.push({ name: 'test', run: 'bundle exec rspec', why: 'there is a directory spec/' });
  } else if (names.includes('Rakefile')) {
    tests.push({ name: 'test', run: 'bundle exec rake', why: 'there is a Rakefile' });
  }
  return {
    kind: 'ruby',
    files,
    meaning: 'Ruby with Bundler',
    packages: ['build-essential', 'git', 'ruby', 'ruby-bundler', 'ruby-dev'],
    env: [{ key: 'BUNDLE_PATH', value: '/opt/bundle' }],
    steps: [
      {
        name: 'install',
        run: 'bundle install',
        why: 'gems, outside the repository',
        inputs: files,
      },
      ...tests,
    ],
    hosts: namedHosts(`${gemfile}\n${lock ?? ''}`, URLS),
    downloads: 'bundle',
  };
}
