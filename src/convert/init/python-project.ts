import { namedHosts } from './named-hosts.ts';
import type { PartStep, ProjectPart } from './project-part.ts';
import type { Repository } from './repository.ts';

const FILES = ['pyproject.toml', 'requirements.txt', 'setup.py', 'uv.lock', 'poetry.lock'];
/** `--index-url URL` of requirements, `index-url = URL` of pip.conf, `url = "URL"` and `registry = "URL"` of lock files. */
const URLS =
  /(?:index-url|\burl|\bregistry|\bfind-links)(?:\s*=\s*|\s+)"?(https?:\/\/[^"\s,}]{1,500})/g;
const PIP = '/opt/venv/bin/pip';

/** A pyproject.toml may hold settings of tools only: pip builds nothing from that. */
const PACKAGE_TABLE = /^\[(?:project|build-system|tool\.poetry)\]/m;

/** Returns the commands that fill the virtual environment. */
function installCommands(hasRequirements: boolean, isPackage: boolean): string {
  const requirements = hasRequirements ? [`${PIP} install -r requirements.txt`] : [];
  const own = isPackage ? [`${PIP} install .`] : [];
  return ['python3 -m venv /opt/venv', ...requirements, ...own].join(' && ');
}

/** Returns the step for the tests; pytest is installed unless the requirements name it. */
function testStep(texts: string, requirements: string | null): PartStep {
  if (!/\bpytest\b/.test(texts)) {
    const run = '/opt/venv/bin/python -m unittest discover';
    return { name: 'test', run, why: 'no other test runner was found' };
  }
  const run = '/opt/venv/bin/python -m pytest';
  const install = /\bpytest\b/.test(requirements ?? '') ? '' : `${PIP} install pytest && `;
  return { name: 'test', run: `${install}${run}`, why: 'the project names pytest' };
}

/** Looks for a Python project. */
export function findPythonProject(repository: Repository): ProjectPart | null {
  const files = FILES.filter((name) => repository.text(name) !== null);
  if (!files.some((name) => !name.endsWith('.lock'))) return null;
  const places = [...files, 'pip.conf', '.pip/pip.conf', 'Pipfile'];
  const texts = places.map((name) => repository.text(name) ?? '').join('\n');
  const requirements = repository.text('requirements.txt');
  const pyproject = repository.text('pyproject.toml') ?? '';
  const isPackage = files.includes('setup.py') || PACKAGE_TABLE.test(pyproject);
  const test = testStep(texts, requirements);
  const isInstalling = requirements !== null || isPackage || test.run.startsWith(PIP);
  return {
    kind: 'python',
    files,
    meaning: 'Python with pip',
    packages: ['git', 'python3', 'python3-pip', 'python3-venv'],
    steps: [
      {
        name: 'install',
        run: installCommands(requirements !== null, isPackage),
        why: 'a virtual environment in the memory of the guest, with the packages of the project',
        // An installed package depends on all sources; requirements alone do not.
        ...(isPackage ? {} : { inputs: files }),
      },
      test,
    ],
    hosts: namedHosts(texts, URLS),
    downloads: isInstalling ? 'pip' : null,
  };
}
