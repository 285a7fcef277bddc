import { expect, it } from 'vitest';
import { currentUser } from '../../../src/host/current-user.ts';

it('currentUser() gives the name the system has', () => {
  expect(currentUser(() => ({ uid: 7, username: 'jo' }))).toEqual({ uid: 7, name: 'jo' });
});

it('currentUser() gives the number of a user the system does not know', () => {
  const unknown = () => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  const uid = process.getuid?.();
  expect(currentUser(unknown)).toEqual({ uid, name: String(uid) });
});
