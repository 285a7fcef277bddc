import { serveMount } from './serve-mount.ts';

serveMount();
