import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { packageFile } from '../../host/package-root.ts';

/**
 * The compiled schema/gondolin.schema.json. The build replaces this file with the code that ajv generates (scripts/build.mjs),
 * so that an installed gondolin loads no compiler.
 */
export const validateSchema: ValidateFunction = new Ajv({
  allErrors: true,
  verbose: true,
  strict: false,
  ownProperties: true,
}).compile(JSON.parse(readFileSync(packageFile('schema', 'gondolin.schema.json'), 'utf8')));
