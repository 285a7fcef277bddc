import { namedHosts } from './named-hosts.ts';
import type { PartStep, ProjectPart } from './project-part.ts';
import type { Repository } from './repository.ts';

const FILES = ['pyproject.toml', 'requirements.txt', 'setup.py', 'uv.lock', 'poetry.lock'];
/** `--index-url URL` of requirements, `index-url = URL` of pip.conf, `url = "URL"` and `registry = "URL"` of lock files. */
const URLS =
  /(?:index-url|\burl|\bregistry|\bfind-links)(?:\s*=\s*|\s+)"?(https?:\/\/[^"\s,}]{1,500})/g;
const PIP = '/opt/venv/bin/pip';

function installCommand(files: readonly string[]): string {
  const parts = ['python3 -m venv /opt/venv'];
  if (files.includes('requirements.txt')) parts.push(`${PIP} install -r requirements.txt`);
  if (files.includes('pyproject.toml') || files.includes('setup.py'))
    parts.push(`${PIP} install .`);
  return parts.join(' && ');
}

function testStep(repository: Repository, texts: string, files: readonly string[]): PartStep {
  if (/\bpytest\b/.test(texts)) {
    const install =
      files.includes('requirements.txt') &&
      /\bpytest\b/.test(repository.text('requirements.txt') ?? '');
    const run = '/opt/venv/bin/python -m pytest';
    return {
      name: 'test',
      run: install ? run : `${PIP} install pytest && ${run}`,
      why: 'the project names pytest',
    };
  }
  const run = '/opt/venv/bin/python -m unittest discover';
  return { name: 'test', run, why: 'no other test runner was found' };
}

/** Looks for a Python project. */
export function findPythonProject(repository: Repository): ProjectPart | null {
  const files = FILES.filter((name) => repository.text(name) !== null);
  if (!files.some((name) => !name.endsWith('.lock'))) return null;
  const places = [...files, 'pip.conf', '.pip/pip.conf', 'Pipfile'];
  const texts = places.map((name) => repository.text(name) ?? '').join('\n');
  const run = installCommand(files);
  const isBuilding = files.includes('pyproject.toml') || files.includes('setup.py');
  return {
    kind: 'python',
    files,
    meaning: 'Python with pip',
    packages: ['git', 'python3', 'python3-pip', 'python3-venv'],
    steps: [
      {
        name: 'install',
        run,
        why: 'a virtual environment in the memory of the guest, with the packages of the project',
        // An installed package depends on all sources; requirements alone do not.
        ...(isBuilding ? {} : { inputs: files }),
      },
      testStep(repository, texts, files),
    ],
    hosts: namedHosts(texts, URLS),
    downloads: 'pip',
  };
}
