import type { Request } from 'express';
import { expect, test } from '@jest/globals';
import type { Principal } from '../../prisma/queries/authenticate.js';
import { workflowUrlFor } from './backfill.js';

const admin = { role: 'admin' } as Principal;
const viewer = { role: 'viewer' } as Principal;

interface From {
  ip: string;
  /** By trusted proxies. */
  ips?: string[];
  headers?: Record<string, string>;
}
const from = ({ ip, ips = [], headers = {} }: From) =>
  ({ ip, ips, get: (name: string) => headers[name] }) as unknown as Request;
const urlOf = (base: string, request: Request, principal = admin) =>
  workflowUrlFor(principal, (id, run) => `${base}/${id}/${run ?? ''}`, request)('a', 'b');

const HERE = from({ ip: '127.0.0.1' });
const THERE = from({ ip: '192.0.2.7' });
const EMBEDDED = 'http://127.0.0.1:8233';

test('an address that others can reach is given to every admin, and to nobody else', () => {
  expect(urlOf('https://temporal.example', THERE)).toBe('https://temporal.example/a/b');
  expect(urlOf('https://temporal.example', HERE, viewer)).toBeNull();
});

test.each(['http://127.0.0.1:8233', 'http://localhost:8233', 'http://[::1]:8233'])(
  "an address on the hive's machine (%s) is given only to requests from there",
  (base) => {
    expect(urlOf(base, HERE)).toBe(`${base}/a/b`);
    expect(urlOf(base, from({ ip: '::ffff:127.0.0.1' }))).toBe(`${base}/a/b`);
    expect(urlOf(base, from({ ip: '::1' }))).toBe(`${base}/a/b`);
    expect(urlOf(base, THERE)).toBeNull();
  },
);

test('a proxy on the same machine does not make its clients local', () => {
  const forwarded = { 'x-forwarded-for': '192.0.2.7' };
  expect(urlOf(EMBEDDED, from({ ip: '127.0.0.1', headers: forwarded }))).toBeNull();
  expect(urlOf(EMBEDDED, from({ ip: '127.0.0.1', headers: { forwarded: 'for=192.0.2.7' } }))).toBeNull();
  expect(urlOf(EMBEDDED, from({ ip: '192.0.2.7', ips: ['192.0.2.7'], headers: forwarded }))).toBeNull();
  const local = { 'x-forwarded-for': '127.0.0.1' };
  expect(urlOf(EMBEDDED, from({ ip: '127.0.0.1', ips: ['127.0.0.1'], headers: local }))).toBe(`${EMBEDDED}/a/b`);
});
