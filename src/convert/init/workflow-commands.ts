import type { Issue } from '../../config/issue.ts';
import { parseYaml } from '../../config/yaml/parse-yaml.ts';
import { getChild, getEntries, getItems, type SourceNode } from '../../config/yaml/source-node.ts';
import { hasCredential } from '../secret-look.ts';

/** Parsed only up to this size, as project files are. */
const MAX_WORKFLOW_CHARACTERS = 1_000_000;

/** Returns the commands of a workflow's or pipeline's jobs, line by line, without those that may contain a credential. Never throws. */
export function workflowCommands(path: string, text: string): string[] {
  if (text.length > MAX_WORKFLOW_CHARACTERS) return [];
  const issues: Issue[] = [];
  const tree = parseYaml({ path, text }, issues);
  const jobs = getEntries(getChild(tree, 'jobs')).map(([, { value }]) => value);
  const runs = jobs
    .flatMap((job) => getItems(getChild(job, 'steps')))
    .map((step) => getChild(step, 'run'));
  const scripts = getEntries(tree).flatMap(([, { value }]) => getItems(getChild(value, 'script')));
  return [...runs, ...scripts]
    .flatMap((node: SourceNode | undefined) =>
      node?.kind === 'scalar' ? node.text.split('\n') : [],
    )
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !hasCredential(line));
}
