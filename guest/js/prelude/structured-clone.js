import structuredClone from '@ungap/structured-clone';
import { defineGlobals } from './define.js';

export function installStructuredClone() {
  defineGlobals({ structuredClone: (value) => structuredClone(value) });
}
