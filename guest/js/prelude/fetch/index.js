// Evaluated in sandboxes with a network, before their handlers. `__native` is a parameter of the whole text.
import { defineGlobals } from '../define.js';
import { AbortController, AbortSignal } from './abort.js';
import { createFetch } from './fetch.js';
import { Headers } from './headers.js';
import { Request, Response } from './messages.js';

const fetch = createFetch(__native);
defineGlobals({ fetch, Headers, Request, Response, AbortController, AbortSignal });
