import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { packageFile } from '../../host/package-root.ts';

/** The compiled schema/build-config.schema.json; the build replaces this file as it does `form/compiled-schema.ts`. */
export const validateBuildSchema: ValidateFunction = new Ajv({
  allErrors: true,
  verbose: true,
  strict: false,
  ownProperties: true,
}).compile(JSON.parse(readFileSync(packageFile('schema', 'build-config.schema.json'), 'utf8')));
